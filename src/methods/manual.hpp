#pragma once
// The contract as parts of a manual page (groff's man macros), for warmd-protocol(7).

#include "methods/schema.hpp"

#include <string>
#include <string_view>

namespace warmd::schema {

/// `page` with each line that is @METHODS@, @TYPES@, @NOTIFICATIONS@ or @ERRORS@ replaced by what
/// the contract says of them.
std::string manual(const contract& of, std::string_view page);

/// `words` as groff shows them: a line of its own, in which nothing is a request or an escape.
std::string escaped(std::string_view words);

} // namespace warmd::schema

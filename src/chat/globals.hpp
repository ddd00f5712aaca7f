#pragma once
// The functions that every template has.

#include "chat/value.hpp"

#include <string_view>

namespace warmd::chat {

const builtin* find_global(std::string_view name); ///< null if there is none
/// dict(…): of a mapping or pairs, and of names.
value make_dict_of(interpreter& by, arguments& given, std::string_view function);

} // namespace warmd::chat

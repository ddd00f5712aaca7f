#pragma once
// Results for other programs: a line for each.

#include "warmctl/options.hpp"
#include "warmctl/tables.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace warmd::ctl {

/// --format, of every command whose result is a list.
option format_option();

/// The elements of the result's `member` in the form that --format asks for; nothing if that is a
/// table. jsonl: each element as JSON, its text first. csv (RFC 4180, but lines end in LF): a
/// column for each member that any element has; what is no scalar stands there as JSON. Throws
/// usage_error on another form.
std::optional<std::string> rows_of(const answer& from, std::string_view member);

} // namespace warmd::ctl

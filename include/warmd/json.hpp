#pragma once
// The two namespace abbreviations used everywhere, and JSON reading rules in one place.

#include <warmd/error.hpp>

#include <boost/json/value.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd {

namespace json = boost::json;

/// Deepest nesting accepted from anyone.
inline constexpr std::size_t max_json_depth = 64;

/// Parses one JSON text: UTF-8, nested at most max_json_depth deep, nothing after it.
/// On failure the detail says what was wrong and at which byte; the code is parse_error.
result<json::value> parse_json(std::string_view text);

/// `value` with the members of every object in byte order of their names, without white space:
/// equal values give equal text.
std::string canonical_json(const json::value& value);

/// `text` as far as a message should quote it: at most 80 bytes, cut between two characters.
/// REQUIRES: UTF-8.
std::string shortened(std::string_view text);
/// The JSON text of `value`, shortened likewise; takes no longer for a huge value than for a small
/// one.
std::string excerpt(const json::value& value);

} // namespace warmd

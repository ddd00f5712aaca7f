#pragma once
// JSON written by people: with comments and trailing commas, and every complaint says line and
// column.

#include <warmd/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace warmd {

/// A parsed text that knows where each of its values stands. Nested at most max_json_depth deep;
/// `//` and `/* */` are comments; an object that has a member twice is refused.
class json_source {
public:
    /// `name`: of the file, for messages. REQUIRES: `text` outlives it.
    json_source(std::string_view text, std::string name);
    json_source(const json_source&) = delete; // places_ points into root_
    json_source& operator=(const json_source&) = delete;

    /// Why the text cannot be read, if so; then the root is null.
    const std::optional<failure>& fault() const noexcept { return fault_; }
    const json::value& root() const noexcept { return root_; }
    /// "file:line:column", both from 1, columns in characters. A member stands where its name does.
    /// REQUIRES: `value` is root() or within it.
    std::string place_of(const json::value& value) const { return place(places_.at(&value)); }
    /// invalid_params: the place of `value`, then `what`.
    failure wrong(const json::value& value, std::string_view what) const;

private:
    std::string place(std::size_t byte) const;

    std::string_view text_;
    std::string name_;
    json::value root_;
    std::unordered_map<const json::value*, std::size_t> places_; // first byte
    std::optional<failure> fault_;
};

} // namespace warmd

#pragma once
// JSON written by people: with comments and trailing commas, and every complaint says line and
// column.

#include "json/json_document.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace warmd {

/// A text that was read, and where each of its values stands. Nested at most max_json_depth deep;
/// `//` and `/* */` are comments. An object that has a member twice is refused, and so is a number
/// beyond every double.
class json_source {
public:
    /// `name`: of the file, for messages. REQUIRES: `text` outlives it.
    json_source(std::string_view text, std::string name);

    /// Why the text cannot be read, if so; then the root is an empty object.
    const std::optional<failure>& fault() const noexcept { return fault_; }
    const json_node& root() const noexcept { return *root_; }
    /// "file:line:column", both from 1, columns in characters. REQUIRES: `value` is root() or
    /// within it; the name of a member is, too.
    std::string place_of(const json_node& value) const;
    /// invalid_params: the place of `value`, then `what`.
    failure wrong(const json_node& value, std::string_view what) const;

private:
    std::string place(std::size_t byte) const;
    std::optional<failure> fault_within(const json_node& value) const;

    std::string_view text_;
    std::string name_;
    std::string plain_; // the text without what JSON has not, byte for byte in the same place
    json_document document_;
    const json_node* root_ = &json_node::empty_object();
    std::optional<failure> fault_;
};

} // namespace warmd

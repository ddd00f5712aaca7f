#pragma once
// Jinja's filters, and tojson as Transformers has it.

#include "chat/arguments.hpp"
#include "chat/value.hpp"

#include <span>
#include <string>
#include <string_view>

namespace warmd::chat {

struct filter {
    std::string_view name;
    value (*run)(interpreter&, const value& to, arguments& with);
};
/// Null if there is no such filter, here.
const filter* find_filter(std::string_view name);
/// Whether Jinja has one of that name.
bool is_filter_name(std::string_view name);
std::string no_filter(std::string_view name); ///< in words

// The tables, in order of names.
std::span<const filter> text_filters();
std::span<const filter> sequence_filters();
std::span<const filter> lazy_filters();
std::span<const filter> order_filters();
std::span<const filter> number_filters();

/// How filters reach into elements: 'a.b', 'a', 0; several with commas.
class attribute_path {
public:
    /// A type fault for what is neither text nor integer.
    attribute_path(workspace& in, const value& path);
    value of(workspace& in, const value& from, const value& otherwise = {}) const;
    /// Of 'a,b' one for each.
    static std::pmr::vector<attribute_path> several(workspace& in, const value& paths);

private:
    explicit attribute_path(std::pmr::memory_resource* memory) : parts_(memory) {}
    values parts_; // names and indices
};
value word_wrap(interpreter&, const value& to, arguments& with);
/// In lower case if it is a text.
value without_case(workspace& in, const value& of);

} // namespace warmd::chat

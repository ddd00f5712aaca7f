#include "chat/filters.hpp"

#include "chat/access.hpp"
#include "chat/text_functions.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace warmd::chat {

namespace {

constexpr std::string_view not_built[] = {"filesizeformat", "pprint", "random", "urlize",
                                          "xmlattr"};

} // namespace

const filter* find_filter(std::string_view name)
{
    for (const auto table :
         {text_filters(), sequence_filters(), lazy_filters(), order_filters(), number_filters()}) {
        const auto at = std::lower_bound(
            table.begin(), table.end(), name,
            [](const filter& each, std::string_view by) { return each.name < by; });
        if (at != table.end() && at->name == name)
            return &*at;
    }
    return nullptr;
}

bool is_filter_name(std::string_view name)
{
    return find_filter(name) != nullptr ||
           std::find(std::begin(not_built), std::end(not_built), name) != std::end(not_built);
}

std::string no_filter(std::string_view name)
{
    return "No filter named '" + std::string(name) + "'" +
           (is_filter_name(name) ? " here: it is one of those of Jinja that are not supported."
                                 : ".");
}

attribute_path::attribute_path(workspace& in, const value& path) : parts_(in.memory())
{
    if (path.is_missing() || path.is_none())
        return;
    if (!path.is_text()) {
        parts_.push_back(path);
        return;
    }
    values names = split(in, path, make_text(in, "."), -1);
    for (value& name : names) {
        const std::string_view text = name.view();
        std::int64_t index = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
        const bool digits = !text.empty() && text.front() != '-' && error == std::errc() &&
                            end == text.data() + text.size();
        parts_.push_back(digits ? value::of(index) : name);
    }
}

std::pmr::vector<attribute_path> attribute_path::several(workspace& in, const value& paths)
{
    std::pmr::vector<attribute_path> all(in.memory());
    if (!paths.is_text()) {
        all.push_back(attribute_path(in, paths));
        return all;
    }
    const values each = split(in, paths, make_text(in, ","), -1);
    for (const value& path : each)
        all.push_back(attribute_path(in, path));
    return all;
}

value attribute_path::of(workspace& in, const value& from, const value& otherwise) const
{
    value found = from;
    for (const value& part : parts_) {
        found = get_item(in, found, part);
        if (found.is_undefined() && !otherwise.is_missing() && !otherwise.is_none())
            found = otherwise;
    }
    return found;
}

value without_case(workspace& in, const value& of)
{
    return of.is_text() ? in_case(in, of, letter_case::lower) : of;
}

} // namespace warmd::chat

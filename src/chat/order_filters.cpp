// Filters that sort, and take the least or the greatest.

#include "chat/comparison.hpp"
#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

bool given_and_true(workspace& in, const value& of) { return !of.is_missing() && is_true(in, of); }

struct keyed {
    value key, item;
};
using keyed_items = std::pmr::vector<keyed>;

// Stable, as Python's is in both directions.
void sort_by_key(workspace& in, keyed_items& items, bool reversed)
{
    in.charge_elements(items.size());
    std::stable_sort(items.begin(), items.end(), [&](const keyed& a, const keyed& b) {
        return reversed ? less(in, b.key, a.key) : less(in, a.key, b.key);
    });
}

value items_of(workspace& in, keyed_items& sorted)
{
    values items(in.memory());
    items.reserve(sorted.size());
    for (keyed& each : sorted)
        items.push_back(std::move(each.item));
    return make_list(in, std::move(items));
}

value key_of(workspace& in, const attribute_path& path, const value& item, bool case_matters,
             const value& otherwise = {})
{
    value key = path.of(in, item, otherwise);
    return case_matters ? key : without_case(in, key);
}

value sort(interpreter& by, const value& to, arguments& with)
{
    const auto [reversed, sensitive, attribute] =
        bound<3>(with, "sort", {"reverse", "case_sensitive", "attribute"});
    auto& in = by.space();
    const bool case_matters = given_and_true(in, sensitive);
    const auto paths = attribute_path::several(in, attribute);
    keyed_items items(in.memory());
    cursor each(in, to);
    for (value next; each.next(next);) {
        values keys(in.memory());
        for (const attribute_path& path : paths)
            keys.push_back(key_of(in, path, next, case_matters));
        // One key is compared as a list of one is.
        items.push_back({keys.size() == 1 ? keys.front() : make_list(in, std::move(keys)), next});
    }
    sort_by_key(in, items, given_and_true(in, reversed));
    return items_of(in, items);
}

value dictsort(interpreter& by, const value& to, arguments& with)
{
    const auto [sensitive, which, reversed] =
        bound<3>(with, "dictsort", {"case_sensitive", "by", "reverse"});
    auto& in = by.space();
    const bool by_value = which.is_text() && which.view() == "value";
    if (!which.is_missing() && !by_value && !(which.is_text() && which.view() == "key"))
        type_error("You can only sort by either \"key\" or \"value\"");
    require_defined(to);
    if (!to.is_dict())
        type_error("'" + std::string(type_name(to)) + "' object has no attribute 'items'");
    const bool case_matters = given_and_true(in, sensitive);
    keyed_items items(in.memory());
    for (const auto& [key, held] : to.as<dict>().members) {
        const value& sorted_by = by_value ? held : key;
        items.push_back(
            {case_matters ? sorted_by : without_case(in, sorted_by), make_pair(in, key, held)});
    }
    sort_by_key(in, items, given_and_true(in, reversed));
    return items_of(in, items);
}

value groupby(interpreter& by, const value& to, arguments& with)
{
    const auto [attribute, otherwise, sensitive] =
        bound<3>(with, "groupby", {"attribute", "default", "case_sensitive"}, 1);
    auto& in = by.space();
    const attribute_path path(in, attribute);
    const bool case_matters = given_and_true(in, sensitive);
    keyed_items items(in.memory());
    cursor each(in, to);
    for (value next; each.next(next);) {
        value key = key_of(in, path, next, case_matters, otherwise);
        items.push_back({std::move(key), next});
    }
    sort_by_key(in, items, false);
    values groups(in.memory());
    for (std::size_t at = 0; at < items.size();) {
        values group(in.memory());
        const std::size_t start = at;
        for (; at < items.size() && equal(in, items[at].key, items[start].key); ++at)
            group.push_back(items[at].item);
        if (at == start) // a key that does not equal itself
            group.push_back(items[at++].item);
        value key = path.of(in, items[start].item, otherwise);
        groups.push_back(make_pair(in, std::move(key), make_list(in, std::move(group))));
        groups.back().as<sequence>().group = true;
    }
    return make_list(in, std::move(groups));
}

template <bool Greatest>
value extreme(interpreter& by, const value& to, arguments& with)
{
    const auto [sensitive, attribute] =
        bound<2>(with, Greatest ? "max" : "min", {"case_sensitive", "attribute"});
    auto& in = by.space();
    const bool case_matters = given_and_true(in, sensitive);
    const attribute_path path(in, attribute);
    cursor each(in, to);
    value found, key;
    for (value next; each.next(next);) {
        value other = key_of(in, path, next, case_matters);
        if (!found.is_missing() && !(Greatest ? less(in, key, other) : less(in, other, key)))
            continue;
        found = next;
        key = std::move(other);
    }
    return found.is_missing() ? make_undefined(in, "No aggregated item, sequence was empty.")
                              : found;
}

constexpr filter filters[] = {
    {"dictsort", dictsort},  {"groupby", groupby}, {"max", extreme<true>},
    {"min", extreme<false>}, {"sort", sort},
};

} // namespace

std::span<const filter> order_filters() { return filters; }

} // namespace warmd::chat

// Filters of what has elements, and of what may not be there.

#include "chat/access.hpp"
#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"
#include "chat/text_functions.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

value default_of(interpreter& by, const value& to, arguments& with)
{
    const auto [otherwise, boolean] = bound<2>(with, "default", {"default_value", "boolean"});
    auto& in = by.space();
    const bool any_false = !boolean.is_missing() && is_true(in, boolean);
    if (!to.is_undefined() && !(any_false && !is_true(in, to)))
        return to;
    return otherwise.is_missing() ? make_text(in, "") : otherwise;
}

value length_of(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "length");
    if (to.is(kind::loop))
        return value::of(to.as<loop_state>().length(by.space()));
    return value::length_of(length(by.space(), to));
}

value first(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "first");
    cursor each(by.space(), to);
    value found;
    if (each.next(found))
        return found;
    return make_undefined(by.space(), "No first item, sequence was empty.");
}

value last(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "last");
    if (!is_reversible(to))
        type_error("'" + std::string(type_name(to)) + "' object is not reversible");
    const std::size_t count = length(by.space(), to);
    if (count != 0)
        return element(by.space(), to, count - 1);
    return make_undefined(by.space(), "No last item, sequence was empty.");
}

value list(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "list");
    return make_list(by.space(), all_of(by.space(), to));
}

value join(interpreter& by, const value& to, arguments& with)
{
    const auto [separator, attribute] = bound<2>(with, "join", {"d", "attribute"});
    auto& in = by.space();
    const attribute_path path(in, attribute);
    text_buffer between = in.buffer();
    if (!separator.is_missing())
        print(in, between, separator);
    text_buffer text = in.buffer();
    cursor each(in, to);
    bool any = false;
    for (value next; each.next(next);) {
        if (std::exchange(any, true))
            append(in, text, between);
        print(in, text, path.of(in, next));
    }
    return make_text(in, std::move(text));
}

value reverse(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "reverse");
    auto& in = by.space();
    if (to.is_text())
        return get_slice(in, to, {}, {}, value::of(std::int64_t(-1)), false);
    if (is_reversible(to))
        return make_reversed(in, to);
    if (!is_iterable(to))
        type_error("argument must be iterable");
    values all = all_of(in, to);
    std::reverse(all.begin(), all.end());
    return make_list(in, std::move(all));
}

value attr(interpreter& by, const value& to, arguments& with)
{
    const auto [name] = bound<1>(with, "attr", {"name"}, 1);
    const value text = printed(by.space(), name);
    if (to.is_undefined())
        use_of_undefined(to);
    value found = own_attribute(by.space(), to, text.view());
    if (!found.is_missing())
        return found;
    return make_undefined(by.space(), "'" + std::string(type_name(to)) +
                                          " object' has no attribute '" + std::string(text.view()) +
                                          "'");
}

constexpr filter filters[] = {
    {"attr", attr},   {"count", length_of}, {"d", default_of}, {"default", default_of},
    {"first", first}, {"join", join},       {"last", last},    {"length", length_of},
    {"list", list},   {"reverse", reverse},
};

} // namespace

std::span<const filter> sequence_filters() { return filters; }

} // namespace warmd::chat

// The methods of lists, dicts, ranges and numbers, of cyclers and of `loop`.

#include "chat/access.hpp"
#include "chat/comparison.hpp"
#include "chat/globals.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/loops.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <span>

namespace warmd::chat {

namespace {

value get(interpreter& by, const value& self, arguments& given)
{
    const auto [key, otherwise] = bound_by_place<2>(given, "get", 1);
    const value* found = self.as<dict>().find(by.space(), key);
    if (found != nullptr)
        return *found;
    return otherwise.is_missing() ? value::none() : otherwise;
}

template <view_of Part>
value view_method(interpreter& by, const value& self, arguments& given)
{
    no_arguments(given, "this method of dict");
    return value::own(kind::view, by.space().make<view>(self, Part));
}

value copy(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "copy");
    return self; // values do not change
}

value fromkeys(interpreter& by, const value&, arguments& given)
{
    const auto [keys, held] = bound_by_place<2>(given, "fromkeys", 1);
    auto& in = by.space();
    const value made = make_dict(in);
    cursor each(in, keys);
    for (value key; each.next(key);)
        made.as<dict>().set(in, key, held.is_missing() ? value::none() : held);
    return made;
}

value count(interpreter& by, const value& self, arguments& given)
{
    const auto [sought] = bound_by_place<1>(given, "count", 1);
    std::size_t found = 0;
    cursor each(by.space(), self);
    for (value item; each.next(item);)
        found += item.same(sought) || equal(by.space(), item, sought);
    return value::length_of(found);
}

value index(interpreter& by, const value& self, arguments& given)
{
    const auto [sought, start, end] = bound_by_place<3>(given, "index", 1);
    const auto size = static_cast<std::int64_t>(length(by.space(), self));
    const auto place = [&](const value& of, std::int64_t otherwise) {
        const std::int64_t at = as_integer_or(of, otherwise);
        return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
    };
    const std::int64_t last = place(end, size);
    for (std::int64_t at = place(start, 0); at < last; ++at) {
        const value item = element(by.space(), self, static_cast<std::size_t>(at));
        if (item.same(sought) || equal(by.space(), item, sought))
            return value::of(at);
    }
    type_error("the value sought is not in the " + std::string(type_name(self)));
}

value bit_length(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "bit_length");
    const std::int64_t number = self.integer();
    const auto bits = static_cast<std::uint64_t>(number);
    return value::of(static_cast<std::int64_t>(std::bit_width(number < 0 ? 0 - bits : bits)));
}

value is_integer(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "is_integer");
    return value::of(self.is_integral() ||
                     (std::isfinite(self.real()) && self.real() == std::floor(self.real())));
}

value next(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "next");
    cycler& of = self.as<cycler>();
    value found = of.items[of.position];
    of.position = (of.position + 1) % of.items.size();
    return found;
}

value reset(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "reset");
    self.as<cycler>().position = 0;
    return value::none();
}

value cycle(interpreter&, const value& self, arguments& given)
{
    if (given.positional.empty() || !given.named.empty())
        type_error("no items for cycling given");
    const auto at = static_cast<std::size_t>(self.as<loop_state>().index);
    return given.positional[at % given.positional.size()];
}

value changed(interpreter& by, const value& self, arguments& given)
{
    if (!given.named.empty())
        type_error("changed() takes no names");
    loop_state& of = self.as<loop_state>();
    value now = make_tuple(by.space(), std::move(given.positional));
    if (!of.changed.is_missing() && equal(by.space(), of.changed, now))
        return value::of(false);
    of.changed = std::move(now);
    return value::of(true);
}

constexpr method of_dicts[] = {{"copy", copy},
                               {"fromkeys", fromkeys},
                               {"get", get},
                               {"items", view_method<view_of::each_item>},
                               {"keys", view_method<view_of::each_key>},
                               {"values", view_method<view_of::each_value>}};
constexpr method of_lists[] = {{"copy", copy}, {"count", count}, {"index", index}};
constexpr method of_tuples[] = {{"count", count}, {"index", index}};
constexpr method of_integers[] = {{"bit_length", bit_length}, {"is_integer", is_integer}};
constexpr method of_reals[] = {{"is_integer", is_integer}};
constexpr method of_cyclers[] = {{"next", next}, {"reset", reset}};
constexpr method of_loops[] = {{"changed", changed}, {"cycle", cycle}};

std::span<const method> methods_of(kind of)
{
    switch (of) {
    case kind::dict: return of_dicts;
    case kind::list: return of_lists;
    case kind::tuple:
    case kind::range: return of_tuples;
    case kind::boolean:
    case kind::integer: return of_integers;
    case kind::real: return of_reals;
    case kind::cycler: return of_cyclers;
    case kind::loop: return of_loops;
    default: return {};
    }
}

} // namespace

const method* find_method(kind of, std::string_view name)
{
    if (of == kind::text)
        return find_text_method(name);
    const auto methods = methods_of(of);
    const auto at = std::find_if(methods.begin(), methods.end(),
                                 [&](const method& each) { return each.name == name; });
    return at == methods.end() ? nullptr : &*at;
}

} // namespace warmd::chat

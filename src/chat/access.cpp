#include "chat/access.hpp"

#include "chat/comparison.hpp"
#include "chat/iteration.hpp"
#include "chat/loops.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

#include <algorithm>
#include <iterator>

namespace warmd::chat {

namespace {

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name)
{
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// What every object of Python's has between two pairs of underscores, and dicts have.
bool is_inner_name(std::string_view name)
{
    static constexpr std::string_view names[] = {"__class__",
                                                 "__class_getitem__",
                                                 "__contains__",
                                                 "__delattr__",
                                                 "__delitem__",
                                                 "__dir__",
                                                 "__doc__",
                                                 "__eq__",
                                                 "__format__",
                                                 "__ge__",
                                                 "__getattribute__",
                                                 "__getitem__",
                                                 "__getstate__",
                                                 "__gt__",
                                                 "__hash__",
                                                 "__init__",
                                                 "__init_subclass__",
                                                 "__ior__",
                                                 "__iter__",
                                                 "__le__",
                                                 "__len__",
                                                 "__lt__",
                                                 "__ne__",
                                                 "__new__",
                                                 "__or__",
                                                 "__reduce__",
                                                 "__reduce_ex__",
                                                 "__repr__",
                                                 "__reversed__",
                                                 "__ror__",
                                                 "__setattr__",
                                                 "__setitem__",
                                                 "__sizeof__",
                                                 "__str__",
                                                 "__subclasshook__"};
    return is_one_of(names, name);
}

// What changes lists and dicts, and the sandbox does not let templates have.
bool is_withheld(const value& of, std::string_view name)
{
    static constexpr std::string_view of_lists[] = {"append", "clear",  "extend",  "insert",
                                                    "pop",    "remove", "reverse", "sort"};
    static constexpr std::string_view of_dicts[] = {"clear", "pop", "popitem", "setdefault",
                                                    "update"};
    if (name.substr(0, 2) == "__" && name.size() > 4 && name.substr(name.size() - 2) == "__")
        return !of.is_dict() || is_inner_name(name);
    return of.is(kind::list) ? is_one_of(of_lists, name)
                             : of.is_dict() && is_one_of(of_dicts, name);
}

// What Python's values have and is not built: refused, as undefined would be another text.
void refuse_unsupported(const value& of, std::string_view name)
{
    static constexpr std::string_view of_texts[] = {"encode", "maketrans", "translate"};
    static constexpr std::string_view of_markup[] = {"unescape", "striptags", "escape"};
    static constexpr std::string_view of_numbers[] = {
        "as_integer_ratio", "bit_count", "conjugate", "from_bytes", "fromhex", "hex", "to_bytes"};
    static constexpr std::string_view of_views[] = {"isdisjoint", "mapping"};
    static constexpr std::string_view of_iterators[] = {"close", "send", "throw"};
    const bool unsupported = (of.is_text() && is_one_of(of_texts, name)) ||
                             (of.is_markup() && is_one_of(of_markup, name)) ||
                             (of.is_number() && is_one_of(of_numbers, name)) ||
                             (of.is(kind::view) && is_one_of(of_views, name)) ||
                             (of.is(kind::iterator) && is_one_of(of_iterators, name)) ||
                             (of.is(kind::function) && of.function().is_type);
    if (unsupported)
        type_error("'" + std::string(name) + "' of " + std::string(type_name(of)) +
                   " is not supported");
}

value number_attribute(const value& of, std::string_view name)
{
    if (name == "real")
        return of.is_integral() ? value::of(of.integer()) : of;
    if (name == "imag")
        return of.is_integral() ? value::of(std::int64_t(0)) : value::of(0.0);
    if (of.is_integral() && name == "numerator")
        return value::of(of.integer());
    if (of.is_integral() && name == "denominator")
        return value::of(std::int64_t(1));
    return {};
}

value data_attribute(workspace& in, const value& of, std::string_view name)
{
    switch (of.type()) {
    case kind::boolean:
    case kind::integer:
    case kind::real: return number_attribute(of, name);
    case kind::loop: return attribute_of_loop(in, of, name);
    case kind::macro: return attribute_of_macro(in, of, name);
    case kind::tuple:
        if (of.as<sequence>().group && (name == "grouper" || name == "list"))
            return of.items()[name == "list"];
        return {};
    case kind::range:
        if (name == "start")
            return value::of(of.as<range>().start);
        if (name == "stop")
            return value::of(of.as<range>().stop);
        if (name == "step")
            return value::of(of.as<range>().step);
        return {};
    case kind::cycler:
        if (name == "current")
            return of.as<cycler>().items[of.as<cycler>().position];
        if (name == "pos")
            return value::length_of(of.as<cycler>().position);
        return {};
    case kind::name_space: {
        const value* found = of.as<name_space>().members.as<dict>().find(in, name);
        return found == nullptr ? value() : *found;
    }
    default: return {};
    }
}

std::string object_name(const value& of)
{
    if (of.is_none())
        return "'None'";
    if (of.is(kind::name_space))
        return "'jinja2.utils.Namespace object'";
    return "'" + std::string(type_name(of)) + " object'";
}

value no_attribute(workspace& in, const value& of, std::string_view name)
{
    return make_undefined(in, object_name(of) + " has no attribute '" + std::string(name) + "'");
}

value withheld(workspace& in, const value& of, std::string_view name)
{
    return make_undefined(in,
                          "access to attribute '" + std::string(name) + "' of '" +
                              std::string(type_name(of)) + "' object is unsafe",
                          template_fault::security);
}

/// Of something with a length: `missing` past its ends.
value by_index(workspace& in, const value& of, std::int64_t index)
{
    const auto count = static_cast<std::int64_t>(length(in, of));
    if (index < 0)
        index += count;
    return index < 0 || index >= count ? value() : element(in, of, static_cast<std::size_t>(index));
}

/// `missing` if there is none.
value own_item(workspace& in, const value& of, const value& key)
{
    switch (of.type()) {
    case kind::dict: {
        if (!is_hashable(in, key))
            return {};
        const value* found = of.as<dict>().find(in, key);
        return found == nullptr ? value() : *found;
    }
    case kind::text:
    case kind::list:
    case kind::tuple:
    case kind::range: return key.is_integral() ? by_index(in, of, key.integer()) : value();
    default: return {};
    }
}

} // namespace

value own_attribute(workspace& in, const value& of, std::string_view name)
{
    if (of.is(kind::name_space)) {
        value found = data_attribute(in, of, name);
        if (!found.is_missing() && name.front() == '_')
            return withheld(in, of, name);
        if (!found.is_missing())
            return found;
    }
    if (is_withheld(of, name))
        return withheld(in, of, name);
    if (value found = data_attribute(in, of, name); !found.is_missing())
        return found;
    if (const method* found = find_method(of.type(), name))
        return value::own(kind::method, in.make<bound_method>(of, *found));
    refuse_unsupported(of, name);
    return {};
}

value get_attribute(workspace& in, const value& of, std::string_view name)
{
    if (of.is_undefined() && !is_inner_name(name))
        use_of_undefined(of);
    if (value found = own_attribute(in, of, name); !found.is_missing())
        return found;
    if (of.is_dict())
        if (const value* found = of.as<dict>().find(in, name))
            return *found;
    return no_attribute(in, of, name);
}

value get_item(workspace& in, const value& of, const value& key)
{
    require_defined(of);
    if (value found = own_item(in, of, key); !found.is_missing())
        return found;
    if (key.is_text()) {
        if (value found = own_attribute(in, of, key.view()); !found.is_missing())
            return found;
        return no_attribute(in, of, key.view());
    }
    text_buffer shown = in.buffer();
    if (!key.is(kind::iterator) && !key.is(kind::function) && !key.is(kind::method) &&
        (key.is_number() || key.is_none()))
        represent(in, shown, key);
    else
        shown = type_name(key);
    return make_undefined(in, object_name(of) + " has no element " + std::string(shown));
}

// -- slices

namespace {

std::int64_t slice_index(const value& of, std::int64_t otherwise)
{
    if (of.is_missing() || of.is_none())
        return otherwise;
    if (!of.is_integral())
        type_error("slice indices must be integers or None or have an __index__ method");
    return of.integer();
}

/// Places of a sequence: count of them from first on, every step-th.
struct places {
    std::int64_t first, end, step, count;
};

places places_of(std::int64_t length, const value& first, const value& end, const value& step)
{
    places of{};
    of.step = slice_index(step, 1);
    if (of.step == 0)
        type_error("slice step cannot be zero");
    of.step = std::max(of.step, -std::numeric_limits<std::int64_t>::max());
    const std::int64_t low = of.step < 0 ? -1 : 0, high = of.step < 0 ? length - 1 : length;
    const auto clamped = [&](const value& index, std::int64_t otherwise) {
        std::int64_t at = slice_index(index, otherwise);
        if (index.is_missing() || index.is_none())
            return at;
        if (at < 0)
            at += length;
        return std::clamp(at, low, std::max(low, high));
    };
    of.first = clamped(first, of.step < 0 ? high : low);
    of.end = clamped(end, of.step < 0 ? low : high);
    if (of.step > 0)
        of.count = of.first < of.end ? (of.end - of.first - 1) / of.step + 1 : 0;
    else
        of.count = of.end < of.first ? (of.first - of.end - 1) / -of.step + 1 : 0;
    return of;
}

value slice_of_text(workspace& in, const value& of, const places& at)
{
    const std::string_view text = of.view();
    in.charge_bytes(text.size());
    const bool ascii = of.as<chat::text>().length(in) == text.size();
    if (at.step == 1) {
        const std::size_t from = ascii ? static_cast<std::size_t>(at.first)
                                       : unicode::offset(text, static_cast<std::size_t>(at.first));
        const std::string_view rest = text.substr(from);
        const auto count = static_cast<std::size_t>(at.count);
        return make_text(in, rest.substr(0, ascii ? count : unicode::offset(rest, count)),
                         of.is_markup());
    }
    std::pmr::vector<std::uint32_t> starts(in.memory());
    for (std::size_t byte = 0; byte < text.size(); byte += unicode::size_from(text[byte]))
        starts.push_back(static_cast<std::uint32_t>(byte));
    in.charge_elements(starts.size());
    text_buffer made = in.buffer();
    for (std::int64_t i = 0; i < at.count; ++i) {
        const std::size_t byte = starts[static_cast<std::size_t>(at.first + i * at.step)];
        made += text.substr(byte, unicode::size_from(text[byte]));
    }
    return make_text(in, std::move(made), of.is_markup());
}

} // namespace

value get_slice(workspace& in, const value& of, const value& first, const value& end,
                const value& step, bool lenient)
{
    require_defined(of);
    const bool sliced = of.is_text() || of.is_sequence() || of.is(kind::range);
    if (!sliced && lenient)
        return make_undefined(in, object_name(of) + " cannot be sliced");
    if (!sliced)
        type_error(object_name(of) + " cannot be sliced");
    const places at = places_of(static_cast<std::int64_t>(length(in, of)), first, end, step);
    if (of.is_text())
        return slice_of_text(in, of, at);
    if (of.is(kind::range)) {
        const range& whole = of.as<range>();
        std::int64_t start = 0, stop = 0, stride = 0;
        if (__builtin_mul_overflow(at.first, whole.step, &start) ||
            __builtin_add_overflow(whole.start, start, &start) ||
            __builtin_mul_overflow(at.end, whole.step, &stop) ||
            __builtin_add_overflow(whole.start, stop, &stop) ||
            __builtin_mul_overflow(whole.step, at.step, &stride))
            fail(template_fault::bound, "a range past 64 bits");
        return make_range(in, start, stop, stride);
    }
    values part(in.memory());
    part.reserve(static_cast<std::size_t>(at.count));
    for (std::int64_t i = 0; i < at.count; ++i)
        part.push_back(of.items()[static_cast<std::size_t>(at.first + i * at.step)]);
    return of.is(kind::list) ? make_list(in, std::move(part)) : make_tuple(in, std::move(part));
}

} // namespace warmd::chat

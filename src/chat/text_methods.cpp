// The methods of str.

#include "chat/access.hpp"
#include "chat/arithmetic.hpp"
#include "chat/formatting.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/text_functions.hpp"
#include "chat/unicode.hpp"

#include <algorithm>
#include <iterator>

namespace warmd::chat {

namespace {

template <letter_case Wanted>
value to_case(interpreter& by, const value& self, arguments& given)
{
    no_arguments(given, "this method of str");
    return in_case(by.space(), self, Wanted);
}

template <side Where>
value strip(interpreter& by, const value& self, arguments& given)
{
    const auto [chars] = bound_by_place<1>(given, "strip", 0);
    return stripped(by.space(), self, chars, Where);
}

template <bool FromRight>
value split_method(interpreter& by, const value& self, arguments& given)
{
    const auto [separator, most] = bound<2>(given, "split", {"sep", "maxsplit"});
    auto& in = by.space();
    const std::int64_t limit = as_integer_or(most, -1);
    return make_list(in, FromRight ? split_from_right(in, self, separator, limit)
                                   : split(in, self, separator, limit));
}

value splitlines(interpreter& by, const value& self, arguments& given)
{
    const auto [keep] = bound<1>(given, "splitlines", {"keepends"});
    auto& in = by.space();
    return make_list(in, split_lines(in, self, !keep.is_missing() && is_true(in, keep)));
}

/// The part of a text that start and end name, in code points, and where it begins.
struct part {
    std::string_view text;
    std::int64_t start = 0; ///< in code points
    bool exists = true;     ///< start is not behind the end
};

part part_of(workspace& in, const value& self, const value& start, const value& end)
{
    const auto length = static_cast<std::int64_t>(self.as<text>().length(in));
    const auto place = [&](const value& of, std::int64_t otherwise) {
        if (of.is_missing() || of.is_none())
            return otherwise;
        const std::int64_t at = as_integer(of);
        return at < 0 ? std::max<std::int64_t>(at + length, 0) : at;
    };
    const std::int64_t from = place(start, 0), to = std::min(place(end, length), length);
    if (from > to)
        return {{}, from, false};
    in.charge_bytes(self.view().size());
    const std::size_t first = unicode::offset(self.view(), static_cast<std::size_t>(from));
    const std::string_view rest = self.view().substr(first);
    return {rest.substr(0, unicode::offset(rest, static_cast<std::size_t>(to - from))), from, true};
}

template <bool Last>
std::int64_t place_in(interpreter& by, const value& self, arguments& given)
{
    const auto [sought, start, end] = bound_by_place<3>(given, Last ? "rfind" : "find", 1);
    const std::string_view what = as_text(sought, "what is sought");
    const part within = part_of(by.space(), self, start, end);
    if (!within.exists)
        return -1;
    const std::size_t at = Last ? within.text.rfind(what) : within.text.find(what);
    if (at == std::string_view::npos)
        return -1;
    return within.start + static_cast<std::int64_t>(unicode::count(within.text.substr(0, at)));
}

template <bool Last>
value find(interpreter& by, const value& self, arguments& given)
{
    return value::of(place_in<Last>(by, self, given));
}

template <bool Last>
value index(interpreter& by, const value& self, arguments& given)
{
    const std::int64_t at = place_in<Last>(by, self, given);
    if (at < 0)
        type_error("substring not found");
    return value::of(at);
}

value count(interpreter& by, const value& self, arguments& given)
{
    const auto [sought, start, end] = bound_by_place<3>(given, "count", 1);
    const std::string_view what = as_text(sought, "what is counted");
    const part within = part_of(by.space(), self, start, end);
    if (!within.exists)
        return value::of(std::int64_t(0));
    if (what.empty())
        return value::length_of(unicode::count(within.text) + 1);
    std::size_t found = 0;
    for (std::size_t at = within.text.find(what); at != std::string_view::npos;
         at = within.text.find(what, at + what.size()))
        ++found;
    return value::length_of(found);
}

template <bool AtEnd>
value starts_with(interpreter& by, const value& self, arguments& given)
{
    const auto [sought, start, end] =
        bound_by_place<3>(given, AtEnd ? "endswith" : "startswith", 1);
    const part within = part_of(by.space(), self, start, end);
    const auto fits = [&](const value& what) {
        if (!what.is_text())
            type_error(std::string(AtEnd ? "endswith" : "startswith") +
                       " first arg must be str or a tuple of str, not " +
                       std::string(type_name(what)));
        const std::string_view text = what.view();
        by.space().charge_bytes(text.size());
        return within.exists &&
               (AtEnd ? within.text.ends_with(text) : within.text.starts_with(text));
    };
    if (!sought.is(kind::tuple))
        return value::of(fits(sought));
    return value::of(std::any_of(sought.items().begin(), sought.items().end(), fits));
}

value replace(interpreter& by, const value& self, arguments& given)
{
    const auto [old, with, most] = bound<3>(given, "replace", {"old", "new", "count"}, 2);
    const std::string_view sought = as_text(old, "replace() argument 1");
    as_text(with, "replace() argument 2");
    auto& in = by.space();
    const value put = self.is_markup() ? escaped(in, with) : with;
    return replaced(in, self, sought, put.view(), as_integer_or(most, -1));
}

value join(interpreter& by, const value& self, arguments& given)
{
    const auto [over] = bound_by_place<1>(given, "join", 1);
    auto& in = by.space();
    values texts = all_of(in, over);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (self.is_markup())
            texts[i] = escaped(in, texts[i]);
        else if (!texts[i].is_text())
            type_error("sequence item " + std::to_string(i) + ": expected str instance, " +
                       std::string(type_name(texts[i])) + " found");
    }
    return joined(in, self.view(), texts, self.is_markup());
}

template <bool Last>
value partition(interpreter& by, const value& self, arguments& given)
{
    const auto [separator] = bound_by_place<1>(given, "partition", 1);
    const std::string_view by_text = as_text(separator, "the separator"), all = self.view();
    if (by_text.empty())
        type_error("empty separator");
    auto& in = by.space();
    in.charge_bytes(all.size());
    const std::size_t at = Last ? all.rfind(by_text) : all.find(by_text);
    const bool found = at != std::string_view::npos;
    const bool markup = self.is_markup();
    values parts(in.memory());
    parts.push_back(make_text(in, found ? all.substr(0, at) : Last ? "" : all, markup));
    parts.push_back(make_text(in, found ? by_text : "", markup));
    parts.push_back(make_text(in,
                              found  ? all.substr(at + by_text.size())
                              : Last ? all
                                     : "",
                              markup));
    return make_tuple(in, std::move(parts));
}

template <side Where>
value pad(interpreter& by, const value& self, arguments& given)
{
    const auto [width, fill] = bound_by_place<2>(given, "padding", 1);
    return padded(by.space(), self, as_integer(width), fill, Where);
}

value zfill(interpreter& by, const value& self, arguments& given)
{
    const auto [width] = bound_by_place<1>(given, "zfill", 1);
    auto& in = by.space();
    const std::string_view text = self.view();
    const bool sign = !text.empty() && (text.front() == '-' || text.front() == '+');
    const value digits = make_text(in, text.substr(sign), self.is_markup());
    const std::int64_t wanted =
        std::max<std::int64_t>(as_integer(width), std::numeric_limits<std::int64_t>::min() + 1);
    const value filled = padded(in, digits, wanted - sign, make_text(in, "0"), side::left);
    text_buffer made = in.buffer();
    made += text.substr(0, sign);
    made += filled.view();
    return make_text(in, std::move(made), self.is_markup());
}

template <bool Suffix>
value without(interpreter& by, const value& self, arguments& given)
{
    const auto [affix] = bound_by_place<1>(given, "removeprefix", 1);
    const std::string_view what = as_text(affix, "the argument"), all = self.view();
    if (Suffix ? !all.ends_with(what) : !all.starts_with(what))
        return self;
    return make_text(by.space(),
                     Suffix ? all.substr(0, all.size() - what.size()) : all.substr(what.size()),
                     self.is_markup());
}

value expandtabs(interpreter& by, const value& self, arguments& given)
{
    const auto [size] = bound<1>(given, "expandtabs", {"tabsize"});
    const std::int64_t every = as_integer_or(size, 8);
    auto& in = by.space();
    text_buffer made = in.buffer();
    std::int64_t column = 0;
    for (const char byte : self.view()) {
        if (byte == '\t') {
            const std::int64_t blanks = every > 0 ? every - column % every : 0;
            in.check_text(made.size() + static_cast<std::size_t>(blanks));
            made.append(static_cast<std::size_t>(blanks), ' ');
            column += blanks;
        } else {
            made += byte;
            column = byte == '\n' || byte == '\r' ? 0 : column + ((byte & 0xC0) != 0x80);
        }
    }
    return make_text(in, std::move(made), self.is_markup());
}

template <bool (*Is)(char32_t)>
value all_are(interpreter& by, const value& self, arguments& given)
{
    no_arguments(given, "this method of str");
    by.space().charge_bytes(self.view().size());
    bool all = !self.view().empty() || Is == unicode::is_printable;
    for (std::size_t at = 0; all && at < self.view().size();)
        all = Is(unicode::next(self.view(), at));
    return value::of(all);
}

bool is_ascii(char32_t code) { return code < 0x80; }

value isascii(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "isascii");
    for (const char byte : self.view())
        if (!is_ascii(static_cast<unsigned char>(byte)))
            return value::of(false);
    return value::of(true);
}

value isidentifier(interpreter&, const value& self, arguments& given)
{
    no_arguments(given, "isidentifier");
    bool good = !self.view().empty();
    for (std::size_t at = 0; good && at < self.view().size();) {
        const bool first = at == 0;
        const char32_t code = unicode::next(self.view(), at);
        good = first ? unicode::is_identifier_start(code) : unicode::is_identifier_part(code);
    }
    return value::of(good);
}

template <bool Upper>
value is_in_case(interpreter& by, const value& self, arguments& given)
{
    no_arguments(given, Upper ? "isupper" : "islower");
    return value::of(has_case(by.space(), self.view(), Upper));
}

value istitle(interpreter& by, const value& self, arguments& given)
{
    no_arguments(given, "istitle");
    by.space().charge_bytes(self.view().size());
    bool inside_word = false, any = false;
    for (std::size_t at = 0; at < self.view().size();) {
        const char32_t code = unicode::next(self.view(), at);
        const bool begins = unicode::is_upper(code) || unicode::is_title(code);
        if (begins ? inside_word : unicode::is_lower(code) && !inside_word)
            return value::of(false);
        inside_word = begins || unicode::is_lower(code);
        any = any || inside_word;
    }
    return value::of(any);
}

value format(interpreter& by, const value& self, arguments& given)
{
    return brace_formatted(by.space(), self, given);
}

value format_map(interpreter& by, const value& self, arguments& given)
{
    const auto [mapping] = bound_by_place<1>(given, "format_map", 1);
    if (!mapping.is_dict())
        type_error("format_map() takes a dict");
    arguments named(by.space().memory());
    for (const auto& [key, held] : mapping.as<dict>().members)
        if (key.is_text())
            named.named.emplace_back(key, held);
    return brace_formatted(by.space(), self, named);
}

constexpr method methods[] = {
    {"capitalize", to_case<letter_case::capitalized>},
    {"casefold", to_case<letter_case::folded>},
    {"center", pad<side::both>},
    {"count", count},
    {"endswith", starts_with<true>},
    {"expandtabs", expandtabs},
    {"find", find<false>},
    {"format", format},
    {"format_map", format_map},
    {"index", index<false>},
    {"isalnum", all_are<unicode::is_alnum>},
    {"isalpha", all_are<unicode::is_alpha>},
    {"isascii", isascii},
    {"isdecimal", all_are<unicode::is_decimal>},
    {"isdigit", all_are<unicode::is_digit>},
    {"isidentifier", isidentifier},
    {"islower", is_in_case<false>},
    {"isnumeric", all_are<unicode::is_numeric>},
    {"isprintable", all_are<unicode::is_printable>},
    {"isspace", all_are<unicode::is_space>},
    {"istitle", istitle},
    {"isupper", is_in_case<true>},
    {"join", join},
    {"ljust", pad<side::right>},
    {"lower", to_case<letter_case::lower>},
    {"lstrip", strip<side::left>},
    {"partition", partition<false>},
    {"removeprefix", without<false>},
    {"removesuffix", without<true>},
    {"replace", replace},
    {"rfind", find<true>},
    {"rindex", index<true>},
    {"rjust", pad<side::left>},
    {"rpartition", partition<true>},
    {"rsplit", split_method<true>},
    {"rstrip", strip<side::right>},
    {"split", split_method<false>},
    {"splitlines", splitlines},
    {"startswith", starts_with<false>},
    {"strip", strip<side::both>},
    {"swapcase", to_case<letter_case::swapped>},
    {"title", to_case<letter_case::title>},
    {"upper", to_case<letter_case::upper>},
    {"zfill", zfill},
};

} // namespace

bool has_case(workspace& in, std::string_view text, bool upper)
{
    in.charge_bytes(text.size());
    bool any = false;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t code = unicode::next(text, at);
        if (upper ? unicode::is_lower(code) || unicode::is_title(code)
                  : unicode::is_upper(code) || unicode::is_title(code))
            return false;
        any = any || (upper ? unicode::is_upper(code) : unicode::is_lower(code));
    }
    return any;
}

const method* find_text_method(std::string_view name)
{
    const auto* at =
        std::lower_bound(std::begin(methods), std::end(methods), name,
                         [](const method& each, std::string_view by) { return each.name < by; });
    return at != std::end(methods) && at->name == name ? at : nullptr;
}

} // namespace warmd::chat

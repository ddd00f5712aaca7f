// Filters that make texts of texts.

#include "chat/arithmetic.hpp"
#include "chat/filters.hpp"
#include "chat/formatting.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"
#include "chat/text_functions.hpp"
#include "chat/unicode.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

bool given_and_true(workspace& in, const value& of) { return !of.is_missing() && is_true(in, of); }

value plain(workspace& in, const value& of)
{
    const value text = printed(in, of);
    return text.is_markup() ? make_text(in, text.view()) : text;
}

template <letter_case Wanted>
value to_case(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "this filter");
    return in_case(by.space(), printed(by.space(), to), Wanted);
}

// Words begin behind white space and - ( { [ <.
value title(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "title");
    auto& in = by.space();
    const value shown = printed(in, to);
    const std::string_view text = shown.view();
    in.check_text(text.size(), 3);
    std::string made;
    bool inside_word = false;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t code = unicode::next(text, at);
        const bool between = unicode::is_space(code) || code == U'-' || code == U'(' ||
                             code == U'{' || code == U'[' || code == U'<';
        if (inside_word)
            unicode::append_lower(made, text, start);
        else
            unicode::append_upper(made, code);
        inside_word = !between;
    }
    return make_text(in, made);
}

value trim(interpreter& by, const value& to, arguments& with)
{
    const auto [chars] = bound<1>(with, "trim", {"chars"});
    return stripped(by.space(), printed(by.space(), to), chars, side::both);
}

value center(interpreter& by, const value& to, arguments& with)
{
    const auto [width] = bound<1>(with, "center", {"width"});
    return padded(by.space(), printed(by.space(), to), as_integer_or(width, 80), {}, side::both);
}

value replace(interpreter& by, const value& to, arguments& with)
{
    const auto [old, fresh, count] = bound<3>(with, "replace", {"old", "new", "count"}, 2);
    auto& in = by.space();
    const value sought = printed(in, old), put = printed(in, fresh);
    return replaced(in, plain(in, to), sought.view(), put.view(),
                    count.is_none() ? -1 : as_integer_or(count, -1));
}

value string(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "string");
    return printed(by.space(), to);
}

value safe(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "safe");
    auto& in = by.space();
    if (to.is_markup())
        return to;
    const value text = printed(in, to);
    return make_text(in, text.view(), true);
}

value escape(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "escape");
    return escaped(by.space(), to);
}

value force_escape(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "forceescape");
    return escaped(by.space(), plain(by.space(), to));
}

value format(interpreter& by, const value& to, arguments& with)
{
    auto& in = by.space();
    if (!with.positional.empty() && !with.named.empty())
        type_error("can't handle positional and keyword arguments at the same time");
    const value pattern = printed(in, to);
    if (with.named.empty())
        return percent_formatted(in, pattern, make_tuple(in, std::move(with.positional)));
    const value named = make_dict(in);
    for (const auto& [key, held] : with.named)
        named.as<dict>().set(in, key, held);
    return percent_formatted(in, pattern, named);
}

value indent(interpreter& by, const value& to, arguments& with)
{
    const auto [width, first, blank] = bound<3>(with, "indent", {"width", "first", "blank"});
    auto& in = by.space();
    require_defined(to);
    if (!to.is_text())
        type_error("indent takes a text, not " + std::string(type_name(to)));
    value margin = width;
    if (!margin.is_text()) {
        const std::int64_t blanks = std::max<std::int64_t>(as_integer_or(width, 4), 0);
        in.check_text(static_cast<std::size_t>(blanks));
        text_buffer text = in.buffer();
        text.append(static_cast<std::size_t>(blanks), ' ');
        margin = make_text(in, std::move(text));
    }
    if (to.is_markup())
        margin = make_text(in, margin.view(), true);
    text_buffer whole = in.buffer();
    append(in, whole, to.view());
    whole += '\n';
    const values lines = split_lines(in, make_text(in, std::move(whole)));
    const bool all = given_and_true(in, blank);
    text_buffer text = in.buffer();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i != 0)
            append(in, text, "\n");
        if (i == 0 ? given_and_true(in, first) : all || !lines[i].view().empty())
            append(in, text, margin.view());
        append(in, text, lines[i].view());
    }
    return make_text(in, std::move(text), to.is_markup());
}

value truncate(interpreter& by, const value& to, arguments& with)
{
    const auto [most, kill, end, leeway] =
        bound<4>(with, "truncate", {"length", "killwords", "end", "leeway"});
    auto& in = by.space();
    const std::int64_t wanted = as_integer_or(most, 255);
    const value mark = end.is_missing() ? make_text(in, "...") : end;
    as_text(mark, "the end");
    const auto mark_size = static_cast<std::int64_t>(mark.as<chat::text>().length(in));
    const std::int64_t slack = leeway.is_none() ? 5 : as_integer_or(leeway, 5);
    if (!to.is_text())
        type_error("truncate takes a text, not " + std::string(type_name(to)));
    if (wanted < mark_size || slack < 0)
        type_error("truncate expects a length of at least " + std::to_string(mark_size) +
                   " and no negative leeway");
    const auto size = static_cast<std::int64_t>(to.as<chat::text>().length(in));
    if (size <= wanted || size - wanted <= slack)
        return to;
    std::string_view kept = to.view().substr(
        0, unicode::offset(to.view(), static_cast<std::size_t>(wanted - mark_size)));
    if (!given_and_true(in, kill))
        kept = kept.substr(0, kept.rfind(' ')); // all of it where there is none
    text_buffer text = in.buffer();
    append(in, text, kept);
    append(in, text, mark.view());
    return make_text(in, std::move(text), to.is_markup());
}

value wordcount(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "wordcount");
    const value shown = printed(by.space(), to);
    std::size_t words = 0;
    bool inside = false;
    by.space().charge_bytes(shown.view().size());
    for (std::size_t at = 0; at < shown.view().size();) {
        const char32_t code = unicode::next(shown.view(), at);
        const bool word = code == U'_' || unicode::is_alnum(code);
        words += word && !inside;
        inside = word;
    }
    return value::length_of(words);
}

// The rest of HTML's entities has names by the thousand: refused.
void append_without_entities(text_buffer& to, std::string_view text)
{
    static constexpr std::pair<std::string_view, char> known[] = {{"&amp;", '&'},  {"&lt;", '<'},
                                                                  {"&gt;", '>'},   {"&#34;", '"'},
                                                                  {"&quot;", '"'}, {"&#39;", '\''}};
    while (!text.empty()) {
        const std::size_t at = text.find('&');
        to += text.substr(0, at);
        text.remove_prefix(std::min(at, text.size()));
        if (text.empty())
            break;
        const auto* entity =
            std::find_if(std::begin(known), std::end(known),
                         [&](const auto& each) { return text.starts_with(each.first); });
        if (entity != std::end(known)) {
            to += entity->second;
            text.remove_prefix(entity->first.size());
        } else if (text.size() > 1 &&
                   (unicode::is_alnum(static_cast<unsigned char>(text[1])) || text[1] == '#')) {
            type_error("striptags does not support entities like " +
                       std::string(text.substr(0, 8)));
        } else {
            to += '&';
            text.remove_prefix(1);
        }
    }
}

value striptags(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "striptags");
    auto& in = by.space();
    const value shown = printed(in, to);
    std::string_view rest = shown.view();
    in.check_text(rest.size());
    const auto without = [&](std::string_view from, std::string_view open, std::string_view close) {
        text_buffer kept = in.buffer();
        for (;;) {
            const std::size_t at = from.find(open);
            const std::size_t end =
                at == std::string_view::npos ? at : from.find(close, at + open.size());
            if (end == std::string_view::npos)
                break;
            kept += from.substr(0, at);
            from.remove_prefix(end + close.size());
        }
        kept += from;
        return kept;
    };
    const text_buffer tags = without(without(rest, "<!--", "-->"), "<", ">");
    const value words = make_text(in, std::string_view(tags));
    const value joined_words = joined(in, " ", split(in, words, {}, -1), false);
    text_buffer text = in.buffer();
    append_without_entities(text, joined_words.view());
    return make_text(in, std::move(text));
}

void append_quoted(workspace& in, text_buffer& to, std::string_view text, bool query)
{
    static constexpr char digits[] = "0123456789ABCDEF";
    in.check_text(text.size(), 3);
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
            to += byte;
        else if ((byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-' ||
                 byte == '~' || (byte == '/' && !query))
            to += byte;
        else if (byte == ' ' && query)
            to += '+';
        else {
            to += '%';
            to += digits[code >> 4];
            to += digits[code & 15];
        }
    }
    in.check_text(to.size());
}

value urlencode(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "urlencode");
    auto& in = by.space();
    text_buffer text = in.buffer();
    if (to.is_text() || !is_iterable(to)) {
        append_quoted(in, text, printed(in, to).view(), false);
        return make_text(in, std::move(text));
    }
    cursor each(in,
                to.is_dict() ? value::own(kind::view, in.make<view>(to, view_of::each_item)) : to);
    for (value next; each.next(next);) {
        const values pair = all_of(in, next);
        if (pair.size() != 2)
            type_error("urlencode takes pairs");
        if (!text.empty())
            text += '&';
        append_quoted(in, text, printed(in, pair[0]).view(), true);
        text += '=';
        append_quoted(in, text, printed(in, pair[1]).view(), true);
    }
    return make_text(in, std::move(text));
}

value tojson(interpreter& by, const value& to, arguments& with)
{
    const auto [ascii, indented, separators, sorted] =
        bound<4>(with, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
    auto& in = by.space();
    json_style style;
    style.ascii = given_and_true(in, ascii);
    style.sorted = given_and_true(in, sorted);
    if (!indented.is_missing() && !indented.is_none()) {
        style.indented = true;
        style.item_separator = ",";
        if (indented.is_text()) {
            style.indent = indented.view();
        } else {
            const std::int64_t blanks = std::max<std::int64_t>(as_integer(indented), 0);
            in.check_text(static_cast<std::size_t>(blanks));
            style.indent.assign(static_cast<std::size_t>(blanks), ' ');
        }
    }
    if (!separators.is_missing() && !separators.is_none()) {
        const values both = all_of(in, separators);
        if (both.size() != 2)
            type_error("tojson takes two separators");
        style.item_separator = as_text(both[0], "a separator");
        style.key_separator = as_text(both[1], "a separator");
    }
    text_buffer text = in.buffer();
    print_json(in, text, to, style);
    return make_text(in, std::move(text));
}

constexpr filter filters[] = {
    {"capitalize", to_case<letter_case::capitalized>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"forceescape", force_escape},
    {"format", format},
    {"indent", indent},
    {"lower", to_case<letter_case::lower>},
    {"replace", replace},
    {"safe", safe},
    {"string", string},
    {"striptags", striptags},
    {"title", title},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", to_case<letter_case::upper>},
    {"urlencode", urlencode},
    {"wordcount", wordcount},
    {"wordwrap", word_wrap},
};

} // namespace

std::span<const filter> text_filters() { return filters; }

} // namespace warmd::chat

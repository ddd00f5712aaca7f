#include "chat/text_functions.hpp"

#include "chat/arguments.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

#include <algorithm>

namespace warmd::chat {

std::string in_case(workspace& in, std::string_view text, letter_case wanted)
{
    in.check_text(text.size(), 3); // no mapping makes a letter more than three times as long
    std::string made;
    made.reserve(text.size());
    bool inside_word = false;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t code = unicode::next(text, at);
        switch (wanted) {
        case letter_case::upper: unicode::append_upper(made, code); break;
        case letter_case::lower: unicode::append_lower(made, text, start); break;
        case letter_case::folded: unicode::append_folded(made, code); break;
        case letter_case::swapped:
            if (unicode::is_upper(code))
                unicode::append_lower(made, text, start);
            else if (unicode::is_lower(code))
                unicode::append_upper(made, code);
            else
                unicode::append(made, code);
            break;
        case letter_case::capitalized:
        case letter_case::title:
            if (wanted == letter_case::title ? inside_word : start != 0)
                unicode::append_lower(made, text, start);
            else
                unicode::append_title(made, code);
            inside_word = unicode::is_cased(code);
            break;
        }
    }
    return made;
}

value in_case(workspace& in, const value& of, letter_case wanted)
{
    return make_text(in, in_case(in, of.view(), wanted), of.is_markup());
}

value stripped(workspace& in, const value& of, const value& chars, side where)
{
    std::string_view text = of.view();
    in.charge_bytes(text.size());
    if (chars.is_missing() || chars.is_none()) {
        if (where != side::right)
            text = unicode::left_stripped(text);
        if (where != side::left)
            text = unicode::right_stripped(text);
        return text.size() == of.view().size() ? of : make_text(in, text, of.is_markup());
    }
    const std::string_view any = as_text(chars, "strip arg");
    const auto is_one = [&](std::string_view letter) {
        in.charge_bytes(any.size());
        for (std::size_t at = any.find(letter); at != std::string_view::npos;
             at = any.find(letter, at + 1))
            if ((any[at] & 0xC0) != 0x80)
                return true;
        return false;
    };
    while (where != side::right && !text.empty()) {
        const std::size_t size = unicode::size_from(text.front());
        if (!is_one(text.substr(0, size)))
            break;
        text.remove_prefix(size);
    }
    while (where != side::left && !text.empty()) {
        const std::size_t last = unicode::before(text, text.size());
        if (!is_one(text.substr(last)))
            break;
        text = text.substr(0, last);
    }
    return make_text(in, text, of.is_markup());
}

value replaced(workspace& in, const value& of, std::string_view old, std::string_view with,
               std::int64_t most)
{
    const std::string_view text = of.view();
    in.charge_bytes(text.size());
    text_buffer made = in.buffer();
    std::size_t at = 0;
    if (old.empty()) { // before each code point, and at the end
        for (; most != 0; --most) {
            append(in, made, with);
            if (at >= text.size())
                break;
            const std::size_t size = unicode::size_from(text[at]);
            made += text.substr(at, size);
            at += size;
        }
    } else {
        for (; most != 0; --most) {
            const std::size_t found = text.find(old, at);
            if (found == std::string_view::npos)
                break;
            append(in, made, text.substr(at, found - at));
            append(in, made, with);
            at = found + old.size();
        }
        if (at == 0)
            return of;
    }
    append(in, made, text.substr(std::min(at, text.size())));
    return make_text(in, std::move(made), of.is_markup());
}

values split_lines(workspace& in, const value& of, bool keep_ends)
{
    const std::string_view text = of.view();
    in.charge_bytes(text.size());
    values lines(in.memory());
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = at;
        const char32_t code = unicode::next(text, at);
        if (!unicode::is_line_break(code))
            continue;
        if (code == U'\r' && at < text.size() && text[at] == '\n')
            ++at;
        lines.push_back(
            make_text(in, text.substr(start, (keep_ends ? at : end) - start), of.is_markup()));
        start = at;
    }
    if (start < text.size())
        lines.push_back(make_text(in, text.substr(start), of.is_markup()));
    return lines;
}

namespace {

values split_at_space(workspace& in, const value& of, std::int64_t most)
{
    values parts(in.memory());
    std::string_view rest = unicode::left_stripped(of.view());
    while (!rest.empty()) {
        if (most-- == 0) { // what is left, with its blanks inside
            parts.push_back(make_text(in, unicode::right_stripped(rest), of.is_markup()));
            break;
        }
        std::size_t end = 0;
        while (end < rest.size()) {
            std::size_t behind = end;
            if (unicode::is_space(unicode::next(rest, behind)))
                break;
            end = behind;
        }
        parts.push_back(make_text(in, rest.substr(0, end), of.is_markup()));
        rest = unicode::left_stripped(rest.substr(end));
    }
    return parts;
}

values split_at_space_from_right(workspace& in, const value& of, std::int64_t most)
{
    values parts(in.memory());
    std::string_view rest = unicode::right_stripped(of.view());
    while (!rest.empty()) {
        if (most-- == 0) {
            parts.push_back(make_text(in, unicode::left_stripped(rest), of.is_markup()));
            break;
        }
        std::size_t start = rest.size();
        while (start > 0) {
            const std::size_t before = unicode::before(rest, start);
            std::size_t behind = before;
            if (unicode::is_space(unicode::next(rest, behind)))
                break;
            start = before;
        }
        parts.push_back(make_text(in, rest.substr(start), of.is_markup()));
        rest = unicode::right_stripped(rest.substr(0, start));
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
}

std::string_view separator_of(const value& separator)
{
    const std::string_view by = as_text(separator, "the separator");
    if (by.empty())
        type_error("empty separator");
    return by;
}

} // namespace

values split(workspace& in, const value& of, const value& separator, std::int64_t most)
{
    in.charge_bytes(of.view().size());
    if (separator.is_missing() || separator.is_none())
        return split_at_space(in, of, most);
    const std::string_view by = separator_of(separator);
    std::string_view rest = of.view();
    values parts(in.memory());
    for (; most != 0; --most) {
        const std::size_t found = rest.find(by);
        if (found == std::string_view::npos)
            break;
        parts.push_back(make_text(in, rest.substr(0, found), of.is_markup()));
        rest.remove_prefix(found + by.size());
    }
    parts.push_back(make_text(in, rest, of.is_markup()));
    return parts;
}

values split_from_right(workspace& in, const value& of, const value& separator, std::int64_t most)
{
    in.charge_bytes(of.view().size());
    if (separator.is_missing() || separator.is_none())
        return split_at_space_from_right(in, of, most);
    const std::string_view by = separator_of(separator);
    std::string_view rest = of.view();
    values parts(in.memory());
    for (; most != 0; --most) {
        const std::size_t found = rest.rfind(by);
        if (found == std::string_view::npos)
            break;
        parts.push_back(make_text(in, rest.substr(found + by.size()), of.is_markup()));
        rest = rest.substr(0, found);
    }
    parts.push_back(make_text(in, rest, of.is_markup()));
    std::reverse(parts.begin(), parts.end());
    return parts;
}

value padded(workspace& in, const value& of, std::int64_t width, const value& fill, side where)
{
    std::string_view with = " ";
    if (!fill.is_missing()) {
        with = as_text(fill, "the fill character");
        if (fill.as<text>().length(in) != 1)
            type_error("The fill character must be exactly one character long");
    }
    const auto length = static_cast<std::int64_t>(of.as<text>().length(in));
    if (width <= length)
        return of;
    const std::int64_t more = width - length;
    // Python's center() puts the odd one to the left only in texts of odd width.
    const std::int64_t left = where == side::right  ? 0
                              : where == side::left ? more
                                                    : more / 2 + (more & width & 1);
    in.check_text(static_cast<std::size_t>(more), with.size());
    in.check_text(static_cast<std::size_t>(more) * with.size() + of.view().size());
    text_buffer made = in.buffer();
    for (std::int64_t i = 0; i < left; ++i)
        made += with;
    made += of.view();
    for (std::int64_t i = left; i < more; ++i)
        made += with;
    return make_text(in, std::move(made), of.is_markup());
}

value joined(workspace& in, std::string_view separator, const values& texts, bool markup)
{
    text_buffer made = in.buffer();
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i != 0)
            append(in, made, separator);
        append(in, made, texts[i].view());
    }
    return make_text(in, std::move(made), markup);
}

} // namespace warmd::chat

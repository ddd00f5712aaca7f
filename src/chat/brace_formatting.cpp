// '{}'.format(x): replacement fields, and Python's format specification.

#include "chat/access.hpp"
#include "chat/arithmetic.hpp"
#include "chat/formatting.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace warmd::chat {

namespace {

std::optional<std::int64_t> as_number(std::string_view text)
{
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || text.front() == '-' || error != std::errc() ||
        end != text.data() + text.size())
        return {};
    return number;
}

class brace_formatter {
public:
    brace_formatter(workspace& in, const value& format, const arguments& with)
        : in_(in), markup_(format.is_markup()), with_(with)
    {
    }

    text_buffer run(std::string_view format, int nested)
    {
        if (nested > 1)
            type_error("Max string recursion exceeded");
        in_.charge_bytes(format.size());
        text_buffer text = in_.buffer();
        for (std::size_t at = 0; at < format.size();) {
            const char byte = format[at];
            if (byte != '{' && byte != '}') {
                text += byte;
                ++at;
            } else if (at + 1 < format.size() && format[at + 1] == byte) {
                text += byte;
                at += 2;
            } else if (byte == '}') {
                type_error("Single '}' encountered in format string");
            } else {
                const std::size_t end = field_end(format, at + 1);
                append(in_, text, field(format.substr(at + 1, end - at - 1), nested));
                at = end + 1;
            }
        }
        return text;
    }

private:
    static std::size_t field_end(std::string_view format, std::size_t at)
    {
        for (int open = 1; at < format.size(); ++at) {
            if (format[at] == '[' && open == 1) // a key may hold anything but ]
                at = std::min(format.find(']', at), format.size() - 1);
            open += format[at] == '{';
            open -= format[at] == '}';
            if (open == 0)
                return at;
        }
        type_error("expected '}' before end of string");
    }

    text_buffer field(std::string_view what, int nested)
    {
        std::size_t name_end = 0;
        while (name_end < what.size() && what[name_end] != '!' && what[name_end] != ':') {
            if (what[name_end] == '[')
                name_end = std::min(what.find(']', name_end), what.size() - 1);
            ++name_end;
        }
        value found = named(what.substr(0, name_end));
        what.remove_prefix(name_end);
        if (what.starts_with("!")) {
            if (what.size() < 2 || (what.size() > 2 && what[2] != ':'))
                type_error("expected ':' after conversion specifier");
            found = converted(found, what[1]);
            what.remove_prefix(2);
        }
        const text_buffer spec = run(what.substr(what.empty() ? 0 : 1), nested + 1);
        text_buffer shown = in_.buffer();
        shown = formatted(found, spec);
        if (!markup_ || found.is_markup())
            return shown;
        text_buffer safe = in_.buffer();
        append_escaped(in_, safe, shown);
        return safe;
    }

    value named(std::string_view path)
    {
        const std::size_t end = path.find_first_of(".[");
        const std::string_view name = path.substr(0, end);
        std::string_view rest = path.substr(name.size());
        value found = argument(name);
        while (!rest.empty()) {
            if (rest.front() == '.') {
                const std::size_t next = rest.find_first_of(".[", 1);
                found = get_attribute(in_, found, rest.substr(1, next - 1));
                rest = next == std::string_view::npos ? std::string_view() : rest.substr(next);
            } else {
                const std::size_t close = rest.find(']');
                if (rest.front() != '[' || close == std::string_view::npos || close == 1)
                    type_error("a format field that cannot be read");
                const std::string_view key = rest.substr(1, close - 1);
                const auto index = as_number(key);
                found =
                    get_item(in_, found, index ? value::of(*index) : make_text(in_, key, false));
                rest.remove_prefix(close + 1);
            }
        }
        return found;
    }

    value argument(std::string_view name)
    {
        const auto index = as_number(name);
        if (!name.empty() && !index) {
            for (const auto& [key, held] : with_.named)
                if (key.view() == name)
                    return held;
            type_error("there is no argument '" + std::string(name) + "'");
        }
        if (name.empty() ? by_number_ : automatic_ != 0)
            type_error("cannot mix manual and automatic field numbering");
        by_number_ = by_number_ || index;
        const auto at = index ? static_cast<std::size_t>(*index) : automatic_++;
        if (at >= with_.positional.size())
            type_error("Replacement index " + std::to_string(at) + " out of range");
        return with_.positional[at];
    }

    value converted(const value& of, char how)
    {
        if (how == 's')
            return printed(in_, of);
        if (how != 'r')
            type_error(std::string("the conversion '") + how + "' is not supported");
        text_buffer text = in_.buffer();
        represent(in_, text, of);
        return make_text(in_, std::move(text));
    }

    static format_spec parsed(std::string_view text)
    {
        constexpr std::string_view aligns = "<>=^";
        format_spec spec;
        const auto has = [&](std::string_view any) {
            return !text.empty() && any.find(text.front()) != std::string_view::npos;
        };
        const std::size_t first = text.empty() ? 0 : unicode::size_from(text.front());
        if (text.size() > first && aligns.find(text[first]) != std::string_view::npos) {
            spec.fill = text.substr(0, first);
            spec.align = text[first];
            text.remove_prefix(first + 1);
        } else if (has(aligns)) {
            spec.align = text.front();
            text.remove_prefix(1);
        }
        if (has("+- ")) {
            spec.sign = text.front();
            text.remove_prefix(1);
        }
        if (has("#")) {
            spec.alternate = true;
            text.remove_prefix(1);
        }
        if (has("0")) {
            spec.zeros = true;
            text.remove_prefix(1);
        }
        if (has("0123456789"))
            spec.width = take_count(text);
        if (has(",_")) {
            spec.grouping = text.front();
            text.remove_prefix(1);
        }
        if (has(".")) {
            text.remove_prefix(1);
            if (!has("0123456789"))
                type_error("Format specifier missing precision");
            spec.precision = take_count(text);
        }
        if (text.size() == 1)
            spec.type = text.front();
        else if (!text.empty())
            type_error("Invalid format specifier");
        if (spec.zeros && spec.align == 0) {
            spec.fill = "0";
            spec.align = '=';
        }
        return spec;
    }

    std::string formatted(const value& of, std::string_view with)
    {
        if (with.empty() || of.is_undefined()) {
            if (!with.empty())
                type_error("unsupported format string passed to Undefined.__format__");
            text_buffer text = in_.buffer();
            print(in_, text, of);
            return std::string(text);
        }
        const format_spec spec = parsed(with);
        if (of.is_text())
            return of_text(spec, of.view());
        if (of.is(kind::integer) || (of.is(kind::boolean) && spec.type != 0))
            return of_integer(spec, of.integer());
        if (of.is(kind::real))
            return of_real(spec, of.real(), spec.type);
        type_error("a format specification for " + std::string(type_name(of)) +
                   " is not supported");
    }

    std::string of_text(const format_spec& spec, std::string_view shown)
    {
        if ((spec.type != 0 && spec.type != 's') || spec.sign != '-' || spec.alternate ||
            spec.grouping != 0 || (spec.align == '=' && !spec.zeros))
            type_error("a format specification that is not for texts");
        if (spec.precision >= 0)
            shown =
                shown.substr(0, unicode::offset(shown, static_cast<std::size_t>(spec.precision)));
        return filled(in_, spec, {}, shown,
                      spec.align == 0 || spec.align == '=' ? '<' : spec.align);
    }

    static std::string_view sign_of(const format_spec& spec, bool negative)
    {
        return negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
    }

    static std::string grouped(std::string digits, char by)
    {
        std::size_t at = digits.find_first_not_of("0123456789");
        at = at == std::string::npos ? digits.size() : at;
        for (; at > 3; at -= 3)
            digits.insert(at - 3, 1, by);
        return digits;
    }

    std::string number(const format_spec& spec, bool negative, std::string digits)
    {
        if (spec.grouping != 0) {
            if (spec.fill == "0" && spec.align == '=')
                type_error("grouped digits filled with zeros are not supported");
            digits = grouped(std::move(digits), spec.grouping);
        }
        return filled(in_, spec, sign_of(spec, negative), digits,
                      spec.align == 0 ? '>' : spec.align);
    }

    std::string of_integer(const format_spec& spec, std::int64_t given)
    {
        switch (spec.type) {
        case 0:
        case 'd':
        case 'n':
        case 'x':
        case 'X':
        case 'o':
        case 'b':
            if (spec.precision >= 0 || (spec.grouping != 0 && spec.type != 0 && spec.type != 'd') ||
                (spec.alternate && spec.align == '='))
                type_error("a format specification that is not supported for integers");
            return number(spec, given < 0, integer_digits(spec, given, spec.type));
        case 'c': type_error("the format type 'c' is not supported");
        default: return of_real(spec, static_cast<double>(given), spec.type);
        }
    }

    std::string of_real(const format_spec& spec, double given, char type)
    {
        const bool negative = std::signbit(given) && !std::isnan(given);
        switch (type) {
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G': return number(spec, negative, real_digits(spec, given, type));
        case '%': return number(spec, negative, real_digits(spec, given * 100, 'f') + "%");
        case 0:
            if (spec.precision < 0 && !spec.alternate)
                return number(spec, negative, number_text(std::abs(given)));
            break;
        default: break;
        }
        type_error("a format specification that is not supported for floats");
    }

    workspace& in_;
    bool markup_;
    const arguments& with_;
    std::size_t automatic_ = 0;
    bool by_number_ = false;
};

} // namespace

value brace_formatted(workspace& in, const value& format, const arguments& with)
{
    return make_text(in, brace_formatter(in, format, with).run(format.view(), 0),
                     format.is_markup());
}

} // namespace warmd::chat

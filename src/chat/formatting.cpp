#include "chat/formatting.hpp"

#include "chat/arithmetic.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace warmd::chat {

namespace {

constexpr std::int64_t most_digits = 400; ///< of a precision: no double has more to say
constexpr std::int64_t most_wide = 1'000'000'000;

std::int64_t checked_count(std::int64_t count)
{
    if (count > most_wide || count < -most_wide)
        fail(template_fault::bound,
             "a width or precision; at most " + std::to_string(most_wide) + " is supported");
    return count;
}

void check_precision(std::int64_t asked)
{
    if (asked > most_digits)
        fail(template_fault::bound, "a precision of " + std::to_string(asked) + "; at most " +
                                        std::to_string(most_digits) + " is supported");
}

} // namespace

std::int64_t take_count(std::string_view& text)
{
    std::int64_t found = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
        found = checked_count(found * 10 + (text.front() - '0'));
    return found;
}

std::string real_digits(const format_spec& spec, double number, char type)
{
    const bool upper = type == 'F' || type == 'E' || type == 'G';
    if (std::isnan(number))
        return upper ? "NAN" : "nan";
    if (std::isinf(number))
        return upper ? "INF" : "inf";
    const std::int64_t precision = spec.precision < 0 ? 6 : spec.precision;
    check_precision(precision);
    const std::string pattern = std::string("%") + (spec.alternate ? "#" : "") + ".*" + type;
    char text[800];
    std::snprintf(text, sizeof text, pattern.c_str(), static_cast<int>(precision),
                  std::abs(number));
    return text;
}

std::string integer_digits(const format_spec& spec, std::int64_t number, char type)
{
    const auto bits = static_cast<std::uint64_t>(number);
    const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    char text[72];
    const auto end =
        std::to_chars(text, text + sizeof text, number < 0 ? 0 - bits : bits, base).ptr;
    std::string digits(text, end);
    if (type == 'X')
        for (char& byte : digits)
            byte = static_cast<char>(byte >= 'a' ? byte - 32 : byte);
    if (spec.alternate && base != 10)
        digits.insert(0, std::string("0") + type);
    return digits;
}

std::string filled(workspace& in, const format_spec& spec, std::string_view sign,
                   std::string_view shown, char align)
{
    const auto length = static_cast<std::int64_t>(unicode::count(sign) + unicode::count(shown));
    std::string text;
    if (spec.width <= length)
        return std::string(sign) + std::string(shown);
    const std::int64_t more = spec.width - length;
    in.check_text(static_cast<std::size_t>(more), spec.fill.size());
    const std::int64_t left = align == '<' ? 0 : align == '^' ? more / 2 : more;
    const auto fill = [&](std::int64_t count) {
        for (; count > 0; --count)
            text += spec.fill;
    };
    if (align == '=')
        text += sign;
    fill(left);
    if (align != '=')
        text += sign;
    text += shown;
    fill(more - left);
    return text;
}

namespace {

/// '%…' one after the other.
class percent_formatter {
public:
    percent_formatter(workspace& in, const value& format, const value& with)
        : in_(in), format_(format.view()), markup_(format.is_markup()), with_(with),
          text_(in.buffer())
    {
    }

    value run()
    {
        in_.charge_bytes(format_.size());
        while (at_ < format_.size()) {
            const std::size_t percent = format_.find('%', at_);
            append(in_, text_, format_.substr(at_, percent - at_));
            if (percent == std::string_view::npos)
                break;
            at_ = percent + 1;
            convert();
        }
        const bool used = with_.is(kind::tuple)
                              ? taken_ == with_.items().size()
                              : taken_ > 0 || with_.is_dict() || with_.is(kind::list);
        if (!used)
            type_error("not all arguments converted during string formatting");
        return make_text(in_, std::move(text_), markup_);
    }

private:
    char peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

    value take()
    {
        if (!with_.is(kind::tuple)) {
            if (taken_++ > 0)
                type_error("not enough arguments for format string");
            return with_;
        }
        if (taken_ == with_.items().size())
            type_error("not enough arguments for format string");
        return with_.items()[taken_++];
    }

    value by_name()
    {
        const std::size_t close = format_.find(')', at_);
        if (close == std::string_view::npos)
            type_error("incomplete format key");
        const std::string_view name = format_.substr(at_ + 1, close - at_ - 1);
        if (name.find('(') != std::string_view::npos)
            type_error("parentheses in a format key are not supported");
        at_ = close + 1;
        if (!with_.is_dict())
            type_error("format requires a mapping");
        const value* found = with_.as<dict>().find(in_, name);
        if (found == nullptr)
            type_error("there is no key '" + std::string(name) + "'");
        return *found;
    }

    std::int64_t number()
    {
        if (peek() == '*') {
            ++at_;
            return checked_count(as_integer(take()));
        }
        std::string_view rest = format_.substr(at_);
        const std::int64_t found = take_count(rest);
        at_ = format_.size() - rest.size();
        return found;
    }

    void convert()
    {
        value given;
        const bool named = peek() == '(';
        if (named)
            given = by_name();
        format_spec spec;
        bool left = false;
        for (;; ++at_) {
            if (peek() == '-')
                left = true;
            else if (peek() == '+')
                spec.sign = '+';
            else if (peek() == ' ')
                spec.sign = spec.sign == '+' ? '+' : ' ';
            else if (peek() == '#')
                spec.alternate = true;
            else if (peek() == '0')
                spec.zeros = true;
            else
                break;
        }
        spec.width = number();
        if (spec.width < 0) {
            left = true;
            spec.width = -spec.width;
        }
        if (peek() == '.') {
            ++at_;
            spec.precision = std::max<std::int64_t>(number(), 0);
        }
        while (peek() == 'h' || peek() == 'l' || peek() == 'L')
            ++at_;
        if (at_ == format_.size())
            type_error("incomplete format");
        spec.type = format_[at_++];
        if (spec.type == '%') {
            append(in_, text_, "%");
            return;
        }
        if (given.is_missing())
            given = take();
        show(spec, given, left ? '<' : '>');
    }

    void show(const format_spec& spec, const value& given, char align)
    {
        switch (spec.type) {
        case 's':
        case 'r': return show_text(spec, given, align);
        case 'c': return show_character(spec, given, align);
        case 'd':
        case 'i':
        case 'u':
        case 'x':
        case 'X':
        case 'o': return show_integer(spec, given, align);
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G': return show_real(spec, given, align);
        default: type_error(std::string("unsupported format character '") + spec.type + "'");
        }
    }

    void put(const format_spec& spec, std::string_view sign, std::string_view shown, char align)
    {
        format_spec padded = spec;
        if (spec.zeros && align == '>' && spec.type != 's' && spec.type != 'r' &&
            spec.type != 'c') {
            padded.fill = "0";
            align = '=';
        }
        append(in_, text_, filled(in_, padded, sign, shown, align));
    }

    void show_text(const format_spec& spec, const value& given, char align)
    {
        text_buffer shown = in_.buffer();
        if (spec.type == 'r')
            represent(in_, shown, given);
        else
            print(in_, shown, given);
        if (markup_ && !(spec.type == 's' && given.is_markup())) {
            text_buffer safe = in_.buffer();
            append_escaped(in_, safe, shown);
            shown = std::move(safe);
        }
        std::string_view part = shown;
        if (spec.precision >= 0)
            part = part.substr(0, unicode::offset(part, static_cast<std::size_t>(spec.precision)));
        put(spec, {}, part, align);
    }

    void show_character(const format_spec& spec, const value& given, char align)
    {
        std::string shown;
        if (given.is_text() && given.as<chat::text>().length(in_) == 1)
            shown = given.view();
        else if (given.is_integral() && given.integer() >= 0 && given.integer() < 0x110000 &&
                 (given.integer() < 0xD800 || given.integer() > 0xDFFF))
            unicode::append(shown, static_cast<char32_t>(given.integer()));
        else
            type_error("%c requires int or char");
        put(spec, {}, shown, align);
    }

    std::string_view sign_of(const format_spec& spec, bool negative) const
    {
        return negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
    }

    void show_integer(const format_spec& spec, const value& given, char align)
    {
        std::int64_t number = 0;
        const bool decimal = spec.type == 'd' || spec.type == 'i' || spec.type == 'u';
        require_defined(given);
        if (given.is_integral())
            number = given.integer();
        else if (given.is(kind::real) && decimal && std::abs(given.real()) < 9.2e18)
            number = static_cast<std::int64_t>(given.real());
        else
            type_error(std::string("%") + spec.type + " format: a number is required, not " +
                       std::string(type_name(given)));
        std::string digits = integer_digits(spec, number, decimal ? 'd' : spec.type);
        const std::size_t prefix = spec.alternate && !decimal ? 2 : 0;
        check_precision(spec.precision);
        while (static_cast<std::int64_t>(digits.size() - prefix) < spec.precision)
            digits.insert(prefix, 1, '0');
        const std::string sign = std::string(sign_of(spec, number < 0)) + digits.substr(0, prefix);
        put(spec, sign, std::string_view(digits).substr(prefix), align);
    }

    void show_real(const format_spec& spec, const value& given, char align)
    {
        require_defined(given);
        if (!given.is_number())
            type_error("must be real number, not " + std::string(type_name(given)));
        const double number = given.as_real();
        put(spec, sign_of(spec, std::signbit(number) && !std::isnan(number)),
            real_digits(spec, number, spec.type), align);
    }

    workspace& in_;
    std::string_view format_;
    bool markup_;
    const value& with_;
    text_buffer text_;
    std::size_t at_ = 0, taken_ = 0;
};

} // namespace

value percent_formatted(workspace& in, const value& format, const value& with)
{
    return percent_formatter(in, format, with).run();
}

} // namespace warmd::chat

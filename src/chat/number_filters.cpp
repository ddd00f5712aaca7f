// Filters that make numbers.

#include "chat/arithmetic.hpp"
#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace warmd::chat {

namespace {

[[noreturn]] void too_big()
{
    fail(template_fault::bound, "an integer past 64 bits, which is not supported");
}

/// A number's text without what Python lets stand around and in it: blanks, single underscores
/// between digits, digits of other scripts. Nothing if it cannot be a number.
std::optional<std::string> plain_digits(std::string_view text)
{
    std::string plain;
    text = unicode::stripped(text);
    for (std::size_t at = 0; at < text.size();) {
        const char32_t code = unicode::next(text, at);
        const auto is_alnum = [](char byte) {
            return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
        };
        if (code == U'_') {
            if (plain.empty() || !is_alnum(plain.back()) || at >= text.size() || text[at] == '_' ||
                static_cast<unsigned char>(text[at]) < '0')
                return {};
        } else if (code < 0x80) {
            plain += static_cast<char>(code);
        } else if (unicode::is_decimal(code)) {
            plain += static_cast<char>('0' + unicode::decimal_value(code));
        } else {
            return {};
        }
    }
    return plain;
}

std::optional<std::int64_t> parsed_integer(std::string_view text, std::int64_t base)
{
    auto plain = plain_digits(text);
    if (!plain || plain->empty())
        return {};
    std::string_view digits = *plain;
    const bool negative = digits.front() == '-';
    if (negative || digits.front() == '+')
        digits.remove_prefix(1);
    if (base != 0 && (base < 2 || base > 36))
        type_error("int() base must be >= 2 and <= 36, or 0");
    if (digits.size() > 2 && digits.front() == '0') {
        const char letter = static_cast<char>(digits[1] | 0x20);
        const std::int64_t named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        if (named != 0 && (base == 0 || base == named)) {
            base = named;
            digits.remove_prefix(2);
        }
    }
    if (base == 0 && digits.size() > 1 && digits.front() == '0' &&
        digits.find_first_not_of('0') != std::string_view::npos)
        return {};
    const std::string signed_digits = (negative ? "-" : "") + std::string(digits);
    std::int64_t number = 0;
    if (digits.empty() || digits.front() == '-')
        return {};
    const auto [end, error] =
        std::from_chars(signed_digits.data(), signed_digits.data() + signed_digits.size(), number,
                        static_cast<int>(base == 0 ? 10 : base));
    if (end != signed_digits.data() + signed_digits.size())
        return {};
    if (error == std::errc::result_out_of_range)
        too_big();
    return error == std::errc() ? std::optional(number) : std::nullopt;
}

std::optional<double> parsed_real(std::string_view text)
{
    const auto plain = plain_digits(text);
    if (!plain || plain->empty())
        return {};
    std::string_view rest = *plain;
    if (rest.front() == '-' || rest.front() == '+')
        rest.remove_prefix(1);
    std::string word(rest);
    for (char& byte : word)
        byte = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    const bool named = word == "inf" || word == "infinity" || word == "nan";
    if (!named && (rest.empty() || rest.find_first_not_of("0123456789.eE+-") != rest.npos))
        return {};
    char* end = nullptr;
    const double number = std::strtod(plain->c_str(), &end);
    return end == plain->c_str() + plain->size() ? std::optional(number) : std::nullopt;
}

std::int64_t truncated(double number)
{
    if (std::isnan(number))
        type_error("cannot convert float NaN to integer");
    if (std::isinf(number))
        type_error("cannot convert float infinity to integer");
    if (std::abs(number) >= 9.2e18)
        too_big();
    return static_cast<std::int64_t>(number);
}

value integer(interpreter& by, const value& to, arguments& with)
{
    const auto [otherwise, base] = bound<2>(with, "int", {"default", "base"});
    by.space().charge();
    require_defined(to);
    if (to.is_integral())
        return value::of(to.integer());
    if (to.is(kind::real) && !std::isnan(to.real()))
        return value::of(truncated(to.real()));
    if (to.is_text()) {
        by.space().charge_bytes(to.view().size());
        if (const auto number = parsed_integer(to.view(), as_integer_or(base, 10)))
            return value::of(*number);
        const auto number = parsed_real(to.view());
        if (number && std::isfinite(*number))
            return value::of(truncated(*number));
    }
    return otherwise.is_missing() ? value::of(std::int64_t(0)) : otherwise;
}

value real(interpreter& by, const value& to, arguments& with)
{
    const auto [otherwise] = bound<1>(with, "float", {"default"});
    require_defined(to);
    if (to.is_number())
        return value::of(to.as_real());
    if (to.is_text()) {
        by.space().charge_bytes(to.view().size());
        if (const auto number = parsed_real(to.view()))
            return value::of(*number);
    }
    return otherwise.is_missing() ? value::of(0.0) : otherwise;
}

value absolute(interpreter& by, const value& to, arguments& with)
{
    no_arguments(with, "abs");
    if (to.is(kind::real))
        return value::of(std::abs(to.real()));
    if (!to.is_integral())
        type_error("bad operand type for abs(): '" + std::string(type_name(to)) + "'");
    return to.integer() < 0 ? negative(by.space(), to) : value::of(to.integer());
}

// To the even neighbour where it lies between two.
value rounded_integer(std::int64_t number, std::int64_t digits)
{
    if (digits >= 0)
        return value::of(number);
    if (digits < -18)
        return value::of(std::int64_t(0));
    std::int64_t unit = 1;
    for (std::int64_t i = digits; i < 0; ++i)
        unit *= 10;
    std::int64_t quotient = number / unit, rest = number % unit;
    if (rest < 0) {
        rest += unit;
        --quotient;
    }
    if (rest > unit - rest || (rest == unit - rest && quotient % 2 != 0))
        ++quotient;
    std::int64_t rounded = 0;
    if (__builtin_mul_overflow(quotient, unit, &rounded))
        too_big();
    return value::of(rounded);
}

double rounded_real(double number, std::int64_t digits)
{
    if (!std::isfinite(number) || digits > 323)
        return number;
    if (digits < -308)
        return std::copysign(0.0, number);
    if (digits < 0) {
        const double unit = std::pow(10.0, static_cast<double>(-digits));
        return std::nearbyint(number / unit) * unit;
    }
    char text[800]; // exactly, as printf rounds what the double is
    std::snprintf(text, sizeof text, "%.*f", static_cast<int>(digits), number);
    return std::strtod(text, nullptr);
}

value round(interpreter& by, const value& to, arguments& with)
{
    const auto [precision, method] = bound<2>(with, "round", {"precision", "method"});
    const std::string_view how = method.is_missing() ? "common" : as_text(method, "method");
    if (how != "common" && how != "ceil" && how != "floor")
        type_error("method must be common, ceil or floor");
    const std::int64_t digits = as_integer_or(precision, 0);
    require_defined(to);
    if (!to.is_number())
        type_error("type " + std::string(type_name(to)) + " doesn't define __round__ method");
    by.space().charge();
    if (how == "common")
        return to.is_integral() ? rounded_integer(to.integer(), digits)
                                : value::of(rounded_real(to.real(), digits));
    if (digits < -308 || digits > 308)
        type_error("round takes a precision from -308 to 308");
    const double unit = std::pow(10.0, static_cast<double>(digits));
    const double scaled = to.as_real() * unit;
    if (!std::isfinite(scaled))
        type_error("cannot convert float infinity to integer");
    return value::of((how == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

value sum(interpreter& by, const value& to, arguments& with)
{
    const auto [attribute, start] = bound<2>(with, "sum", {"attribute", "start"});
    auto& in = by.space();
    if (start.is_text())
        type_error("sum() can't sum strings [use ''.join(seq) instead]");
    const attribute_path path(in, attribute);
    value all = start.is_missing() ? value::of(std::int64_t(0)) : start;
    cursor each(in, to);
    for (value next; each.next(next);)
        all = arithmetic(in, op::add, all, path.of(in, next));
    return all;
}

constexpr filter filters[] = {
    {"abs", absolute}, {"float", real}, {"int", integer}, {"round", round}, {"sum", sum},
};

} // namespace

std::span<const filter> number_filters() { return filters; }

} // namespace warmd::chat

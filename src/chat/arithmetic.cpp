#include "chat/arithmetic.hpp"

#include "chat/formatting.hpp"
#include "chat/printing.hpp"

#include <cmath>

namespace warmd::chat {

namespace {

const char* symbol(op kind)
{
    switch (kind) {
    case op::add: return "+";
    case op::subtract: return "-";
    case op::multiply: return "*";
    case op::divide: return "/";
    case op::floor_divide: return "//";
    case op::modulo: return "%";
    default: return "** or pow()";
    }
}

[[noreturn]] void no_operation(op kind, const value& left, const value& right)
{
    require_defined(left);
    require_defined(right);
    type_error(std::string("unsupported operand type(s) for ") + symbol(kind) + ": '" +
               std::string(type_name(left)) + "' and '" + std::string(type_name(right)) + "'");
}

[[noreturn]] void too_big()
{
    fail(template_fault::bound, "an integer past 64 bits, which is not supported");
}

[[noreturn]] void division_by_zero() { type_error("division by zero"); }

// Rounded once where both are doubles exactly, and else refused: twice could be off by one bit.
double quotient(std::int64_t left, std::int64_t right)
{
    constexpr std::int64_t exact = std::int64_t(1) << 53;
    if (left > exact || left < -exact || right > exact || right < -exact)
        fail(template_fault::bound, "a quotient of integers past 53 bits, which is not supported");
    return static_cast<double>(left) / static_cast<double>(right);
}

std::int64_t power(workspace& in, std::int64_t base, std::int64_t exponent)
{
    std::int64_t result = 1;
    if (base == 0 || base == 1 || exponent == 0)
        return exponent == 0 ? 1 : base;
    if (base == -1)
        return exponent % 2 == 0 ? 1 : -1;
    for (; exponent > 0; --exponent) {
        in.charge();
        if (__builtin_mul_overflow(result, base, &result))
            too_big();
    }
    return result;
}

value of_integers(workspace& in, op kind, std::int64_t left, std::int64_t right)
{
    std::int64_t result = 0;
    switch (kind) {
    case op::add:
        if (__builtin_add_overflow(left, right, &result))
            too_big();
        break;
    case op::subtract:
        if (__builtin_sub_overflow(left, right, &result))
            too_big();
        break;
    case op::multiply:
        if (__builtin_mul_overflow(left, right, &result))
            too_big();
        break;
    case op::divide:
        if (right == 0)
            division_by_zero();
        return value::of(quotient(left, right));
    case op::floor_divide:
    case op::modulo: {
        if (right == 0)
            division_by_zero();
        if (right == -1) { // the one quotient that may not fit
            if (kind == op::floor_divide && __builtin_sub_overflow(std::int64_t(0), left, &result))
                too_big();
            break;
        }
        std::int64_t quotient = left / right, rest = left % right;
        if (rest != 0 && (rest < 0) != (right < 0)) {
            --quotient;
            rest += right;
        }
        result = kind == op::modulo ? rest : quotient;
        break;
    }
    default:
        if (right < 0) {
            if (left == 0)
                type_error("zero to a negative power");
            return value::of(std::pow(static_cast<double>(left), static_cast<double>(right)));
        }
        result = power(in, left, right);
    }
    return value::of(result);
}

double floor_quotient(double left, double right, double& rest)
{
    rest = std::fmod(left, right);
    double quotient = (left - rest) / right;
    if (rest != 0) {
        if ((right < 0) != (rest < 0)) {
            rest += right;
            quotient -= 1;
        }
    } else {
        rest = std::copysign(0.0, right);
    }
    if (quotient == 0)
        return std::copysign(0.0, left / right);
    const double floored = std::floor(quotient);
    return quotient - floored > 0.5 ? floored + 1 : floored;
}

value of_reals(op kind, double left, double right)
{
    double rest = 0;
    switch (kind) {
    case op::add: return value::of(left + right);
    case op::subtract: return value::of(left - right);
    case op::multiply: return value::of(left * right);
    case op::divide:
        if (right == 0)
            division_by_zero();
        return value::of(left / right);
    case op::floor_divide:
    case op::modulo: {
        if (right == 0)
            division_by_zero();
        const double quotient = floor_quotient(left, right, rest);
        return value::of(kind == op::modulo ? rest : quotient);
    }
    default:
        if (left == 0 && right < 0)
            type_error("zero to a negative power");
        if (left < 0 && std::isfinite(left) && std::isfinite(right) && right != std::floor(right))
            type_error("complex numbers are not supported");
        const double result = std::pow(left, right);
        if (std::isinf(result) && std::isfinite(left) && std::isfinite(right))
            type_error("the result of ** is too large");
        return value::of(result);
    }
}

value joined_texts(workspace& in, const value& left, const value& right)
{
    if (left.is_markup() || right.is_markup()) {
        const value a = escaped(in, left), b = escaped(in, right);
        text_buffer text = in.buffer();
        append(in, text, a.view());
        append(in, text, b.view());
        return make_text(in, std::move(text), true);
    }
    in.check_text(left.view().size() + right.view().size());
    text_buffer text = in.buffer();
    text.reserve(left.view().size() + right.view().size());
    text += left.view();
    text += right.view();
    return make_text(in, std::move(text));
}

value joined_sequences(workspace& in, const value& left, const value& right)
{
    values all(in.memory());
    all.reserve(left.items().size() + right.items().size());
    all.insert(all.end(), left.items().begin(), left.items().end());
    all.insert(all.end(), right.items().begin(), right.items().end());
    return left.is(kind::list) ? make_list(in, std::move(all)) : make_tuple(in, std::move(all));
}

value repeated(workspace& in, const value& of, std::int64_t times)
{
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
    if (of.is_text()) {
        const std::string_view part = of.view();
        in.check_text(count, part.size());
        text_buffer text = in.buffer();
        text.reserve(count * part.size());
        for (std::size_t i = 0; i < count && !part.empty(); ++i)
            text += part;
        return make_text(in, std::move(text), of.is_markup());
    }
    const values& part = of.items();
    if (!part.empty() && count > in.bounds().memory / sizeof(value) / part.size())
        fail(template_fault::size, "a list repeated " + std::to_string(count) +
                                       " times: values of more than " +
                                       std::to_string(in.bounds().memory) + " bytes of memory");
    values all(in.memory());
    in.charge_elements(count * part.size());
    all.reserve(count * part.size());
    for (std::size_t i = 0; i < count && !part.empty(); ++i)
        all.insert(all.end(), part.begin(), part.end());
    return of.is(kind::list) ? make_list(in, std::move(all)) : make_tuple(in, std::move(all));
}

} // namespace

value arithmetic(workspace& in, op kind, const value& left, const value& right)
{
    if (left.is_integral() && right.is_integral())
        return of_integers(in, kind, left.integer(), right.integer());
    if (left.is_number() && right.is_number())
        return of_reals(kind, left.as_real(), right.as_real());
    if (kind == op::modulo && left.is_text())
        return percent_formatted(in, left, right);
    require_defined(left);
    require_defined(right);
    if (kind == op::add) {
        if (left.is_text() && right.is_text())
            return joined_texts(in, left, right);
        if (left.is_sequence() && left.type() == right.type())
            return joined_sequences(in, left, right);
        if (left.is_text() || left.is_sequence())
            type_error("can only concatenate " + std::string(type_name(left)) + " (not \"" +
                       std::string(type_name(right)) + "\") to " + std::string(type_name(left)));
    }
    if (kind == op::multiply) {
        if ((left.is_text() || left.is_sequence()) && right.is_integral())
            return repeated(in, left, right.integer());
        if ((right.is_text() || right.is_sequence()) && left.is_integral())
            return repeated(in, right, left.integer());
    }
    no_operation(kind, left, right);
}

value negative(workspace& in, const value& of)
{
    if (of.is_integral())
        return of_integers(in, op::subtract, 0, of.integer());
    if (of.is(kind::real))
        return value::of(-of.real());
    require_defined(of);
    type_error("bad operand type for unary -: '" + std::string(type_name(of)) + "'");
}

value positive(workspace&, const value& of)
{
    if (of.is_integral())
        return value::of(of.integer());
    if (of.is(kind::real))
        return of;
    require_defined(of);
    type_error("bad operand type for unary +: '" + std::string(type_name(of)) + "'");
}

void append_escaped(workspace& in, text_buffer& to, std::string_view text)
{
    in.check_text(text.size());
    for (const char byte : text) {
        switch (byte) {
        case '&': to += "&amp;"; break;
        case '<': to += "&lt;"; break;
        case '>': to += "&gt;"; break;
        case '\'': to += "&#39;"; break;
        case '"': to += "&#34;"; break;
        default: to += byte;
        }
    }
    in.check_text(to.size());
}

value escaped(workspace& in, const value& of)
{
    if (of.is_markup())
        return of;
    const value plain = printed(in, of);
    text_buffer text = in.buffer();
    append_escaped(in, text, plain.view());
    return make_text(in, std::move(text), true);
}

} // namespace warmd::chat

#include "chat/value_tests.hpp"

#include "chat/arithmetic.hpp"
#include "chat/comparison.hpp"
#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"
#include "chat/text_functions.hpp"

#include <algorithm>
#include <iterator>

namespace warmd::chat {

bool is_callable(const value& of)
{
    switch (of.type()) {
    case kind::undefined:
    case kind::function:
    case kind::method:
    case kind::macro:
    case kind::loop:
    case kind::joiner: return true;
    default: return false;
    }
}

namespace {

template <bool (*Is)(const value&)>
bool plain(interpreter&, const value& of, arguments& with)
{
    no_arguments(with, "this test");
    return Is(of);
}

value operand(arguments& with) { return bound_by_place<1>(with, "this test", 1)[0]; }

bool is_defined(const value& of) { return !of.is_undefined(); }
bool is_undefined(const value& of) { return of.is_undefined(); }
bool is_none(const value& of) { return of.is_none(); }
bool is_boolean(const value& of) { return of.is(kind::boolean); }
bool is_the_true(const value& of) { return of.is(kind::boolean) && of.truth(); }
bool is_the_false(const value& of) { return of.is(kind::boolean) && !of.truth(); }
bool is_integer(const value& of) { return of.is(kind::integer); }
bool is_float(const value& of) { return of.is(kind::real); }
bool is_number(const value& of) { return of.is_number(); }
bool is_string(const value& of) { return of.is_text(); }
bool is_mapping(const value& of) { return of.is_dict(); }
bool is_iterable_test(const value& of) { return is_iterable(of); }
bool is_escaped(const value& of) { return of.is_markup(); }

// What has a length and takes an index: Jinja tries both.
bool is_sequence(const value& of)
{
    return of.is_undefined() || of.is_text() || of.is_sequence() || of.is_dict() ||
           of.is(kind::range);
}

template <bool Upper>
bool is_in_case(interpreter& by, const value& of, arguments& with)
{
    no_arguments(with, "this test");
    const value text = printed(by.space(), of);
    return has_case(by.space(), text.view(), Upper);
}

bool rest_is(interpreter& by, const value& of, std::int64_t divisor, std::int64_t rest)
{
    const value remainder = arithmetic(by.space(), op::modulo, of, value::of(divisor));
    return equal(by.space(), remainder, value::of(rest));
}

bool is_odd(interpreter& by, const value& of, arguments& with)
{
    no_arguments(with, "odd");
    return rest_is(by, of, 2, 1);
}

bool is_even(interpreter& by, const value& of, arguments& with)
{
    no_arguments(with, "even");
    return rest_is(by, of, 2, 0);
}

bool is_divisible(interpreter& by, const value& of, arguments& with)
{
    const auto [divisor] = bound<1>(with, "divisibleby", {"num"}, 1);
    return equal(by.space(), arithmetic(by.space(), op::modulo, of, divisor),
                 value::of(std::int64_t(0)));
}

bool is_same(interpreter&, const value& of, arguments& with)
{
    const value other = operand(with);
    const bool numbers = of.is(kind::integer) && other.is(kind::integer) &&
                         (of.integer() < -5 || of.integer() > 256);
    if (numbers || (of.is_text() && other.is_text()) || (of.is(kind::real) && other.is(kind::real)))
        type_error("sameas of texts and such numbers depends on Python's memory");
    return of.same(other);
}

bool is_in(interpreter& by, const value& of, arguments& with)
{
    return contains(by.space(), operand(with), of);
}

bool is_equal(interpreter& by, const value& of, arguments& with)
{
    return equal(by.space(), of, operand(with));
}

bool is_unequal(interpreter& by, const value& of, arguments& with)
{
    return !equal(by.space(), of, operand(with));
}

bool is_less(interpreter& by, const value& of, arguments& with)
{
    return less(by.space(), of, operand(with));
}

bool is_at_most(interpreter& by, const value& of, arguments& with)
{
    return less_or_equal(by.space(), of, operand(with));
}

bool is_greater(interpreter& by, const value& of, arguments& with)
{
    return less(by.space(), operand(with), of);
}

bool is_at_least(interpreter& by, const value& of, arguments& with)
{
    return less_or_equal(by.space(), operand(with), of);
}

bool is_filter(interpreter&, const value& of, arguments& with)
{
    no_arguments(with, "filter");
    return of.is_text() && is_filter_name(of.view());
}

bool is_test(interpreter&, const value& of, arguments& with)
{
    no_arguments(with, "test");
    return of.is_text() && find_test(of.view()) != nullptr;
}

constexpr value_test tests[] = {
    {"!=", is_unequal},
    {"<", is_less},
    {"<=", is_at_most},
    {"==", is_equal},
    {">", is_greater},
    {">=", is_at_least},
    {"boolean", plain<is_boolean>},
    {"callable", plain<is_callable>},
    {"defined", plain<is_defined>},
    {"divisibleby", is_divisible},
    {"eq", is_equal},
    {"equalto", is_equal},
    {"escaped", plain<is_escaped>},
    {"even", is_even},
    {"false", plain<is_the_false>},
    {"filter", is_filter},
    {"float", plain<is_float>},
    {"ge", is_at_least},
    {"greaterthan", is_greater},
    {"gt", is_greater},
    {"in", is_in},
    {"integer", plain<is_integer>},
    {"iterable", plain<is_iterable_test>},
    {"le", is_at_most},
    {"lessthan", is_less},
    {"lower", is_in_case<false>},
    {"lt", is_less},
    {"mapping", plain<is_mapping>},
    {"ne", is_unequal},
    {"none", plain<is_none>},
    {"number", plain<is_number>},
    {"odd", is_odd},
    {"sameas", is_same},
    {"sequence", plain<is_sequence>},
    {"string", plain<is_string>},
    {"test", is_test},
    {"true", plain<is_the_true>},
    {"undefined", plain<is_undefined>},
    {"upper", is_in_case<true>},
};

} // namespace

const value_test* find_test(std::string_view name)
{
    const auto* at = std::lower_bound(
        std::begin(tests), std::end(tests), name,
        [](const value_test& each, std::string_view by) { return each.name < by; });
    return at != std::end(tests) && at->name == name ? at : nullptr;
}

std::string no_test(std::string_view name) { return "No test named '" + std::string(name) + "'."; }

} // namespace warmd::chat

// What expressions evaluate to.

#include "chat/access.hpp"
#include "chat/arithmetic.hpp"
#include "chat/comparison.hpp"
#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"
#include "chat/value_tests.hpp"

namespace warmd::chat {

value interpreter::evaluate(const expression& of)
{
    const workspace::level nested(in_);
    in_.charge();
    line_ = of.line;
    switch (of.kind) {
    case op::text: return borrow_text(in_, of.text);
    case op::integer: return value::of(of.integer);
    case op::real: return value::of(of.real);
    case op::true_: return value::of(true);
    case op::false_: return value::of(false);
    case op::none: return value::none();
    case op::name: return evaluate_name(of);
    case op::tuple:
    case op::list: return evaluate_items(of);
    case op::dict: return evaluate_dict(of);
    case op::attribute: {
        const value from = evaluate(*of.parts[0]);
        line_ = of.line;
        return get_attribute(in_, from, of.text);
    }
    case op::item: return evaluate_item(of);
    case op::call: return evaluate_call(of);
    case op::filter: return evaluate_filter(of, nullptr);
    case op::test: return evaluate_test(of);
    case op::not_: return value::of(!holds(*of.parts[0]));
    case op::negative: return negative(in_, evaluate(*of.parts[0]));
    case op::positive: return positive(in_, evaluate(*of.parts[0]));
    case op::and_:
    case op::or_: return evaluate_logic(of);
    case op::add:
    case op::subtract:
    case op::multiply:
    case op::divide:
    case op::floor_divide:
    case op::modulo:
    case op::power: return evaluate_arithmetic(of);
    case op::concatenate: return evaluate_concatenation(of);
    case op::compare: return evaluate_comparison(of);
    case op::conditional: return evaluate_conditional(of);
    case op::slice:
    case op::name_space_member: break; // parts of others
    }
    type_error("an expression that has no value");
}

bool interpreter::holds(const expression& of)
{
    const value truth = evaluate(of);
    return is_true(in_, truth);
}

value interpreter::evaluate_name(const expression& of)
{
    const value& found = slot(of.slot);
    if (!found.is_missing())
        return found;
    return make_undefined(in_, "'" + std::string(of.text) + "' is undefined");
}

value interpreter::evaluate_items(const expression& of)
{
    values items(in_.memory());
    items.reserve(of.parts.size());
    for (const auto& part : of.parts)
        items.push_back(evaluate(*part));
    return of.kind == op::list ? make_list(in_, std::move(items))
                               : make_tuple(in_, std::move(items));
}

value interpreter::evaluate_dict(const expression& of)
{
    value made = make_dict(in_);
    for (std::size_t i = 0; i < of.parts.size(); i += 2) {
        value key = evaluate(*of.parts[i]);
        value held = evaluate(*of.parts[i + 1]);
        made.as<dict>().set(in_, std::move(key), std::move(held));
    }
    return made;
}

value interpreter::evaluate_item(const expression& of)
{
    if (of.parts[1]->kind == op::slice)
        return evaluate_slice(of);
    const value from = evaluate(*of.parts[0]);
    const value key = evaluate(*of.parts[1]);
    line_ = of.line;
    return get_item(in_, from, key);
}

value interpreter::evaluate_slice(const expression& of)
{
    const value from = evaluate(*of.parts[0]);
    value places[3];
    for (std::size_t i = 0; i < 3; ++i)
        if (const auto& part = of.parts[1]->parts[i])
            places[i] = evaluate(*part);
    line_ = of.line;
    return get_slice(in_, from, places[0], places[1], places[2], of.lenient);
}

arguments interpreter::evaluate_arguments(const call_parts& of)
{
    arguments given(in_.memory());
    given.positional.reserve(of.positional.size());
    for (const auto& part : of.positional)
        given.positional.push_back(evaluate(*part));
    if (of.more_positional) {
        const value more = evaluate(*of.more_positional);
        values items = all_of(in_, more);
        for (value& each : items)
            given.positional.push_back(std::move(each));
    }
    for (const auto& [name, part] : of.named) {
        value key = borrow_text(in_, name);
        given.named.emplace_back(std::move(key), evaluate(*part));
    }
    if (!of.more_named)
        return given;
    const value more = evaluate(*of.more_named);
    if (!more.is_dict())
        type_error("argument after ** must be a mapping, not " + std::string(type_name(more)));
    for (const auto& [key, held] : more.as<dict>().members) {
        if (!key.is_text())
            type_error("keywords must be strings");
        for (const auto& other : given.named)
            if (other.first.view() == key.view())
                type_error("got multiple values for keyword argument '" + std::string(key.view()) +
                           "'");
        in_.charge_elements(given.named.size());
        given.named.emplace_back(key, held);
    }
    return given;
}

value interpreter::evaluate_call(const expression& of, const value* caller)
{
    const value callee = evaluate(*of.parts[0]);
    arguments given = evaluate_arguments(*of.call);
    if (caller != nullptr)
        given.named.emplace_back(borrow_text(in_, "caller"), *caller);
    line_ = of.line;
    return call(callee, given);
}

value interpreter::evaluate_filter(const expression& of, const value* captured)
{
    const value to = of.parts.front() ? evaluate_filter_input(of, captured) : *captured;
    arguments given = evaluate_arguments(*of.call);
    line_ = of.line;
    return apply_filter(of.text, to, given);
}

// What a filter is applied to: of a block's chain of filters, the one before it.
value interpreter::evaluate_filter_input(const expression& of, const value* captured)
{
    const expression& input = *of.parts.front();
    return captured != nullptr && input.kind == op::filter ? evaluate_filter(input, captured)
                                                           : evaluate(input);
}

value interpreter::apply_filter(std::string_view name, const value& to, arguments& with)
{
    const filter* found = find_filter(name);
    if (found == nullptr || found->run == nullptr)
        fail(template_fault::syntax, no_filter(name));
    const workspace::level nested(in_);
    in_.charge();
    return found->run(*this, to, with);
}

bool interpreter::apply_test(std::string_view name, const value& to, arguments& with)
{
    const value_test* found = find_test(name);
    if (found == nullptr)
        fail(template_fault::syntax, no_test(name));
    const workspace::level nested(in_);
    in_.charge();
    return found->run(*this, to, with);
}

value interpreter::evaluate_test(const expression& of)
{
    const value what = evaluate(*of.parts.front());
    arguments given = evaluate_arguments(*of.call);
    line_ = of.line;
    return value::of(apply_test(of.text, what, given));
}

value interpreter::evaluate_arithmetic(const expression& of)
{
    const value left = evaluate(*of.parts[0]);
    const value right = evaluate(*of.parts[1]);
    line_ = of.line;
    return arithmetic(in_, of.kind, left, right);
}

value interpreter::evaluate_logic(const expression& of)
{
    value left = evaluate(*of.parts[0]);
    if (is_true(in_, left) == (of.kind == op::or_))
        return left;
    return evaluate(*of.parts[1]);
}

value interpreter::evaluate_concatenation(const expression& of)
{
    text_buffer text = in_.buffer();
    values parts(in_.memory());
    for (const auto& part : of.parts)
        parts.push_back(evaluate(*part));
    for (const value& part : parts)
        print(in_, text, part);
    return make_text(in_, std::move(text));
}

bool interpreter::compare(comparison how, const value& left, const value& right)
{
    switch (how) {
    case comparison::eq: return equal(in_, left, right);
    case comparison::ne: return !equal(in_, left, right);
    case comparison::lt: return less(in_, left, right);
    case comparison::le: return less_or_equal(in_, left, right);
    case comparison::gt: return less(in_, right, left);
    case comparison::ge: return less_or_equal(in_, right, left);
    case comparison::in: return contains(in_, right, left);
    case comparison::not_in: return !contains(in_, right, left);
    }
    return false;
}

value interpreter::evaluate_comparison(const expression& of)
{
    value left = evaluate(*of.parts[0]);
    for (std::size_t i = 0; i < of.comparisons.size(); ++i) {
        value right = evaluate(*of.parts[i + 1]);
        line_ = of.line;
        if (!compare(of.comparisons[i], left, right))
            return value::of(false);
        left = std::move(right);
    }
    return value::of(true);
}

value interpreter::evaluate_conditional(const expression& of)
{
    if (holds(*of.parts[1]))
        return evaluate(*of.parts[0]);
    if (of.parts[2])
        return evaluate(*of.parts[2]);
    return make_undefined(in_, "the inline if-expression on line " + std::to_string(of.line) +
                                   " evaluated to false and no else section was defined.");
}

} // namespace warmd::chat

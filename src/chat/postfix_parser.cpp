// What stands behind an operand: .x, [i], (…), |filter, is test.

#include "chat/parser.hpp"

namespace warmd::chat {

expression_ptr parser::parse_postfix(expression_ptr of)
{
    for (;;) {
        if (current_.is(".") || current_.is("["))
            of = parse_subscript(std::move(of));
        else if (current_.is("("))
            of = parse_call(std::move(of));
        else
            return of;
    }
}

expression_ptr parser::parse_filters_and_tests(expression_ptr of)
{
    for (;;) {
        if (current_.is("|"))
            of = parse_filter(std::move(of), false);
        else if (current_.is_name("is"))
            of = parse_test(std::move(of));
        else if (current_.is("("))
            of = parse_call(std::move(of));
        else
            return of;
    }
}

expression_ptr parser::parse_subscript(expression_ptr of)
{
    if (skip(".")) {
        const token what = current_;
        next();
        if (what.kind == token_kind::name) {
            auto found = made(op::attribute, std::move(of));
            found->text = what.text;
            return found;
        }
        if (what.kind != token_kind::integer)
            refuse("expected name or number, got " + described(what));
        auto index = made(op::integer);
        index->integer = what.integer;
        return made(op::item, std::move(of), std::move(index));
    }
    expect("[");
    auto places = made(op::tuple);
    while (!current_.is("]")) {
        if (!places->parts.empty())
            expect(",");
        places->parts.push_back(parse_subscribed());
    }
    expect("]");
    if (places->parts.size() == 1)
        return made(op::item, std::move(of), std::move(places->parts.front()));
    for (const auto& part : places->parts)
        if (part->kind == op::slice)
            refuse("slices in a tuple are not supported");
    return made(op::item, std::move(of), measured(std::move(places)));
}

expression_ptr parser::parse_subscribed()
{
    auto slice = made(op::slice);
    expression_ptr first;
    if (!current_.is(":")) {
        first = parse_expression();
        if (!current_.is(":"))
            return first;
    }
    slice->parts.push_back(std::move(first));
    next();
    const auto ends = [&] { return current_.is("]") || current_.is(",") || current_.is(":"); };
    slice->parts.push_back(ends() ? nullptr : parse_expression());
    slice->parts.push_back(skip(":") && !current_.is("]") && !current_.is(",") ? parse_expression()
                                                                               : nullptr);
    return measured(std::move(slice));
}

std::unique_ptr<call_parts> parser::parse_arguments()
{
    auto found = std::make_unique<call_parts>();
    const auto require = [&](bool good) {
        if (!good)
            refuse("invalid syntax for function call expression");
    };
    expect("(");
    for (bool first = true; !current_.is(")"); first = false) {
        if (!first) {
            expect(",");
            if (current_.is(")"))
                break;
        }
        if (skip("*")) {
            require(!found->more_positional && !found->more_named);
            found->more_positional = parse_expression();
        } else if (skip("**")) {
            require(!found->more_named);
            found->more_named = parse_expression();
        } else if (current_.kind == token_kind::name && ahead_.is("=")) {
            require(!found->more_named);
            const std::string_view name = current_.text;
            for (const auto& other : found->named)
                if (other.first == name)
                    refuse("keyword argument repeated: " + std::string(name));
            next();
            next();
            found->named.emplace_back(name, parse_expression());
        } else {
            require(!found->more_positional && !found->more_named && found->named.empty());
            found->positional.push_back(parse_expression());
        }
    }
    expect(")");
    return found;
}

expression_ptr parser::parse_call(expression_ptr of)
{
    auto call = made(op::call, std::move(of));
    call->call = parse_arguments();
    return measured(std::move(call));
}

std::string_view parser::dotted_name()
{
    const std::string_view first = expect_name().text;
    if (!current_.is("."))
        return first;
    std::string& name = tree_.literals.emplace_back(first);
    while (skip("."))
        name += "." + std::string(expect_name().text);
    return name;
}

// One filter after the other; of nothing where a block is filtered. With `begun` the first has no
// |.
expression_ptr parser::parse_filter(expression_ptr of, bool begun)
{
    while (begun || current_.is("|")) {
        if (!begun)
            next();
        begun = false;
        const std::string_view name = dotted_name();
        auto filter = made(op::filter, std::move(of));
        filter->text = name;
        filter->call = current_.is("(") ? parse_arguments() : std::make_unique<call_parts>();
        of = measured(std::move(filter));
    }
    return of;
}

expression_ptr parser::parse_test(expression_ptr of)
{
    next();
    const bool negated = skip_name("not");
    const std::string_view name = dotted_name();
    auto test = made(op::test, std::move(of));
    test->text = name;
    test->call = std::make_unique<call_parts>();
    const bool operand = current_.kind == token_kind::name || current_.kind == token_kind::string ||
                         current_.kind == token_kind::integer ||
                         current_.kind == token_kind::real || current_.is("[") || current_.is("{");
    if (current_.is("(")) {
        test->call = parse_arguments();
    } else if (operand && !current_.is_name("else") && !current_.is_name("or") &&
               !current_.is_name("and")) {
        if (current_.is_name("is"))
            refuse("You cannot chain multiple tests with is");
        test->call->positional.push_back(parse_postfix(parse_primary()));
    }
    test = measured(std::move(test));
    return negated ? made(op::not_, std::move(test)) : std::move(test);
}

} // namespace warmd::chat

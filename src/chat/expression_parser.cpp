#include "chat/parser.hpp"

#include <algorithm>
#include <array>

namespace warmd::chat {

namespace {

/// Null where it may be assigned to, else what it is.
const char* no_target(const expression& of)
{
    switch (of.kind) {
    case op::name:
    case op::name_space_member: return nullptr;
    case op::tuple:
        for (const auto& part : of.parts)
            if (const char* what = no_target(*part))
                return what;
        return nullptr;
    case op::text:
    case op::integer:
    case op::real:
    case op::true_:
    case op::false_:
    case op::none: return "const";
    default: return "expression";
    }
}

} // namespace

expression_ptr parser::made(op kind) const
{
    auto found = std::make_unique<expression>();
    found->kind = kind;
    found->line = static_cast<std::uint32_t>(current_.line);
    return found;
}

expression_ptr parser::made(op kind, expression_ptr first, expression_ptr second) const
{
    auto found = made(kind);
    if (first)
        found->line = first->line;
    found->parts.push_back(std::move(first));
    if (second)
        found->parts.push_back(std::move(second));
    return measured(std::move(found));
}

// With its depth, which may not be more than is evaluated one in the other.
expression_ptr parser::measured(expression_ptr of) const
{
    std::size_t depth = 0;
    const auto count = [&](const expression_ptr& part) {
        if (part)
            depth = std::max<std::size_t>(depth, part->depth);
    };
    for (const auto& part : of->parts)
        count(part);
    if (of->call) {
        for (const auto& part : of->call->positional)
            count(part);
        for (const auto& part : of->call->named)
            count(part.second);
        count(of->call->more_positional);
        count(of->call->more_named);
    }
    if (depth + 1 > bounds_.nesting)
        fail(template_fault::bound,
             "an expression nested more than " + std::to_string(bounds_.nesting) + " deep",
             current_.line);
    of->depth = static_cast<std::uint16_t>(depth + 1);
    return of;
}

expression_ptr parser::parse_expression(bool conditional)
{
    return conditional ? parse_conditional() : parse_or();
}

expression_ptr parser::parse_conditional()
{
    expression_ptr found = parse_or();
    while (skip_name("if")) {
        const level nested(*this);
        auto choice = made(op::conditional);
        choice->parts.push_back(std::move(found));
        choice->parts.push_back(parse_or());
        choice->parts.push_back(skip_name("else") ? parse_conditional() : nullptr);
        found = measured(std::move(choice));
    }
    return found;
}

expression_ptr parser::parse_or()
{
    expression_ptr left = parse_and();
    while (skip_name("or")) {
        expression_ptr right = parse_and();
        left = made(op::or_, std::move(left), std::move(right));
    }
    return left;
}

expression_ptr parser::parse_and()
{
    expression_ptr left = parse_not();
    while (skip_name("and")) {
        expression_ptr right = parse_not();
        left = made(op::and_, std::move(left), std::move(right));
    }
    return left;
}

expression_ptr parser::parse_not()
{
    if (!skip_name("not"))
        return parse_comparison();
    const level nested(*this);
    return made(op::not_, parse_not());
}

expression_ptr parser::parse_comparison()
{
    static constexpr std::array<std::pair<std::string_view, comparison>, 6> symbols{
        {{"==", comparison::eq},
         {"!=", comparison::ne},
         {"<", comparison::lt},
         {"<=", comparison::le},
         {">", comparison::gt},
         {">=", comparison::ge}}};
    expression_ptr first = parse_sum();
    expression_ptr chain;
    for (;;) {
        const auto* symbol = std::find_if(symbols.begin(), symbols.end(), [&](const auto& each) {
            return current_.is(each.first);
        });
        comparison how = comparison::in;
        if (symbol != symbols.end()) {
            how = symbol->second;
            next();
        } else if (current_.is_name("not") && ahead_.is_name("in")) {
            how = comparison::not_in;
            next();
            next();
        } else if (!skip_name("in")) {
            break;
        }
        if (!chain) {
            chain = made(op::compare);
            chain->parts.push_back(std::move(first));
        }
        chain->comparisons.push_back(how);
        chain->parts.push_back(parse_sum());
    }
    return chain ? measured(std::move(chain)) : std::move(first);
}

expression_ptr parser::parse_sum()
{
    expression_ptr left = parse_concatenation();
    while (current_.is("+") || current_.is("-")) {
        const op kind = current_.is("+") ? op::add : op::subtract;
        next();
        expression_ptr right = parse_concatenation();
        left = made(kind, std::move(left), std::move(right));
    }
    return left;
}

expression_ptr parser::parse_concatenation()
{
    expression_ptr first = parse_product();
    if (!current_.is("~"))
        return first;
    auto all = made(op::concatenate);
    all->parts.push_back(std::move(first));
    while (skip("~"))
        all->parts.push_back(parse_product());
    return measured(std::move(all));
}

expression_ptr parser::parse_product()
{
    static constexpr std::array<std::pair<std::string_view, op>, 4> symbols{
        {{"*", op::multiply}, {"/", op::divide}, {"//", op::floor_divide}, {"%", op::modulo}}};
    expression_ptr left = parse_power();
    for (;;) {
        const auto* symbol = std::find_if(symbols.begin(), symbols.end(), [&](const auto& each) {
            return current_.is(each.first);
        });
        if (symbol == symbols.end())
            return left;
        next();
        expression_ptr right = parse_power();
        left = made(symbol->second, std::move(left), std::move(right));
    }
}

expression_ptr parser::parse_power()
{
    expression_ptr left = parse_unary();
    while (skip("**")) {
        expression_ptr right = parse_unary();
        left = made(op::power, std::move(left), std::move(right));
    }
    return left;
}

expression_ptr parser::parse_unary(bool filtered)
{
    const level nested(*this);
    expression_ptr found;
    if (skip("-"))
        found = made(op::negative, parse_unary(false));
    else if (skip("+"))
        found = made(op::positive, parse_unary(false));
    else
        found = parse_primary();
    found = parse_postfix(std::move(found));
    return filtered ? parse_filters_and_tests(std::move(found)) : std::move(found);
}

expression_ptr parser::parse_primary(bool name_spaces)
{
    auto found = made(op::none);
    const token first = current_;
    found->text = first.text;
    switch (first.kind) {
    case token_kind::name:
        next();
        if (first.text == "true" || first.text == "True")
            found->kind = op::true_;
        else if (first.text == "false" || first.text == "False")
            found->kind = op::false_;
        else if (first.text != "none" && first.text != "None")
            found->kind = op::name;
        if (name_spaces && skip(".")) {
            found->kind = op::name_space_member;
            auto of = made(op::name);
            of->text = first.text;
            found->parts.push_back(std::move(of));
            found->text = expect_name().text;
        }
        return found;
    case token_kind::string:
        found->kind = op::text;
        next();
        if (current_.kind == token_kind::string) { // literals side by side are one
            std::string& joined = tree_.literals.emplace_back(first.text);
            for (; current_.kind == token_kind::string; next())
                joined += current_.text;
            found->text = joined;
        }
        return found;
    case token_kind::integer:
        found->kind = op::integer;
        found->integer = first.integer;
        next();
        return found;
    case token_kind::real:
        found->kind = op::real;
        found->real = first.real;
        next();
        return found;
    default: break;
    }
    if (skip("(")) {
        found = parse_tuple({.parentheses = true});
        expect(")");
        return found;
    }
    if (current_.is("["))
        return parse_list();
    if (current_.is("{"))
        return parse_dict();
    refuse("unexpected " + described(current_));
}

expression_ptr parser::parse_tuple(tuple_rules rules)
{
    auto tuple = made(op::tuple);
    bool is_tuple = false;
    for (;;) {
        if (!tuple->parts.empty())
            expect(",");
        if (current_.kind == token_kind::variable_end || current_.kind == token_kind::block_end ||
            current_.is(")") || (!rules.end.empty() && current_.is_name(rules.end)))
            break;
        tuple->parts.push_back(rules.primaries ? parse_primary(rules.name_spaces)
                                               : parse_expression(rules.conditional));
        if (!current_.is(","))
            break;
        is_tuple = true;
    }
    if (!is_tuple) {
        if (!tuple->parts.empty())
            return std::move(tuple->parts.front());
        if (!rules.parentheses)
            refuse("Expected an expression, got " + described(current_));
    }
    return measured(std::move(tuple));
}

expression_ptr parser::parse_target(std::string_view end, bool name_spaces)
{
    expression_ptr target =
        parse_tuple({.primaries = true, .end = end, .name_spaces = name_spaces});
    if (const char* what = no_target(*target))
        refuse("can't assign to '" + std::string(what) + "'");
    return target;
}

expression_ptr parser::parse_list()
{
    auto list = made(op::list);
    expect("[");
    while (!current_.is("]")) {
        if (!list->parts.empty())
            expect(",");
        if (current_.is("]"))
            break;
        list->parts.push_back(parse_expression());
    }
    expect("]");
    return measured(std::move(list));
}

expression_ptr parser::parse_dict()
{
    auto dict = made(op::dict);
    expect("{");
    while (!current_.is("}")) {
        if (!dict->parts.empty())
            expect(",");
        if (current_.is("}"))
            break;
        dict->parts.push_back(parse_expression());
        expect(":");
        dict->parts.push_back(parse_expression());
    }
    expect("}");
    return measured(std::move(dict));
}

} // namespace warmd::chat

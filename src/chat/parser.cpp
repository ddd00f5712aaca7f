#include "chat/parser.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

bool is_constant_name(std::string_view name)
{
    return name == "true" || name == "false" || name == "none" || name == "True" ||
           name == "False" || name == "None";
}

} // namespace

parser::level::level(parser& of) : of_(of)
{
    if (++of_.levels_ <= of_.bounds_.nesting)
        return;
    --of_.levels_;
    fail(template_fault::bound, "nested more than " + std::to_string(of_.bounds_.nesting) + " deep",
         of_.current_.line);
}

parser::parser(syntax_tree& into, const template_bounds& bounds)
    : tree_(into), bounds_(bounds), lexer_(into.source, into.literals)
{
    current_ = lexer_.next();
    ahead_ = lexer_.next();
}

void parser::next()
{
    current_ = ahead_;
    if (current_.kind != token_kind::end)
        ahead_ = lexer_.next();
}

bool parser::skip(std::string_view symbol)
{
    const bool found = current_.is(symbol);
    if (found)
        next();
    return found;
}

bool parser::skip_name(std::string_view name)
{
    const bool found = current_.is_name(name);
    if (found)
        next();
    return found;
}

token parser::expect_name()
{
    if (current_.kind != token_kind::name)
        refuse("expected token 'name', got " + described(current_));
    const token found = current_;
    next();
    return found;
}

void parser::expect(std::string_view symbol)
{
    if (!skip(symbol))
        refuse("expected token '" + std::string(symbol) + "', got " + described(current_));
}

void parser::expect_keyword(std::string_view name)
{
    if (!skip_name(name))
        refuse("expected token '" + std::string(name) + "', got " + described(current_));
}

void parser::refuse(std::string detail) const
{
    fail(template_fault::syntax, std::move(detail), current_.line);
}

void parser::parse() { tree_.main.body = parse_block({}); }

std::unique_ptr<statement> parser::begun(tag kind)
{
    auto made = std::make_unique<statement>();
    made->kind = kind;
    made->line = static_cast<std::uint32_t>(current_.line);
    return made;
}

std::string parser::open_blocks(names wanted) const
{
    std::string text;
    for (const std::string_view name : wanted)
        text += (text.empty() ? " Looked for: '" : " or '") + std::string(name) + "'";
    if (!open_.empty())
        text +=
            ". The innermost block that needs to be closed is '" + std::string(open_.back()) + "'.";
    return text;
}

// Statements up to a tag of one of these names, which is then current; or to the end, with none.
block parser::parse_block(names until)
{
    const level nested(*this);
    block found;
    for (;;) {
        switch (current_.kind) {
        case token_kind::data: {
            auto text = begun(tag::text);
            text->text = current_.text;
            next();
            found.push_back(std::move(text));
            break;
        }
        case token_kind::variable_begin: {
            next();
            auto output = begun(tag::output);
            output->values.push_back(parse_tuple({}));
            expression& printed = *output->values.back();
            if (printed.kind == op::item && printed.parts[1]->kind == op::slice)
                printed.lenient = true; // the names' resolver looks whether it is a constant
            if (current_.kind != token_kind::variable_end)
                refuse("expected token 'end of print statement', got " + described(current_));
            next();
            found.push_back(std::move(output));
            break;
        }
        case token_kind::block_begin:
            next();
            if (current_.kind == token_kind::name &&
                std::find(until.begin(), until.end(), current_.text) != until.end())
                return found;
            if (current_.kind != token_kind::name)
                refuse("tag name expected, got " + described(current_));
            found.push_back(parse_statement());
            if (current_.kind != token_kind::block_end)
                refuse("expected token 'end of statement block', got " + described(current_));
            next();
            break;
        default:
            if (until.size() != 0)
                refuse("Unexpected end of template." + open_blocks(until));
            return found;
        }
    }
}

// The same behind the tag that is being read.
block parser::parse_body(names until)
{
    skip(":");
    if (current_.kind != token_kind::block_end)
        refuse("expected token 'end of statement block', got " + described(current_));
    next();
    return parse_block(until);
}

block parser::parse_body_to(std::string_view until)
{
    block found = parse_body({until});
    next();
    return found;
}

std::unique_ptr<statement> parser::parse_statement()
{
    const std::string_view name = current_.text;
    open_.push_back(name);
    std::unique_ptr<statement> found;
    if (name == "for")
        found = parse_for();
    else if (name == "if")
        found = parse_if();
    else if (name == "set")
        found = parse_set();
    else if (name == "macro")
        found = parse_macro();
    else if (name == "with")
        found = parse_with();
    else if (name == "call")
        found = parse_call_block();
    else if (name == "filter")
        found = parse_filter_block();
    else if (name == "print")
        found = parse_print();
    else if (name == "break" || name == "continue") {
        found = begun(name == "break" ? tag::break_ : tag::continue_);
        next();
    } else if (name == "generation") {
        found = begun(tag::generation);
        next();
        found->function = std::make_unique<function_body>();
        found->function->body = parse_body_to("endgeneration");
        tree_.generates = true;
    } else if (name == "include" || name == "extends" || name == "import" || name == "from")
        found = parse_loading(name);
    else if (name == "block" || name == "autoescape")
        refuse("the tag '" + std::string(name) + "' is not supported");
    else {
        open_.pop_back();
        refuse("Encountered unknown tag '" + std::string(name) + "'." + open_blocks({}));
    }
    open_.pop_back();
    return found;
}

std::unique_ptr<statement> parser::parse_for()
{
    auto found = begun(tag::for_);
    next();
    found->loop = std::make_unique<for_loop>();
    for_loop& loop = *found->loop;
    loop.target = parse_target("in");
    expect_keyword("in");
    found->values.push_back(parse_tuple({.conditional = false, .end = "recursive"}));
    if (skip_name("if"))
        loop.filter = parse_expression();
    loop.recursive = skip_name("recursive");
    loop.body = parse_body({"endfor", "else"});
    if (current_.text == "else") {
        next();
        loop.otherwise = parse_body({"endfor"});
    }
    next();
    return found;
}

std::unique_ptr<statement> parser::parse_if()
{
    auto found = begun(tag::if_);
    next();
    for (;;) {
        found->values.push_back(parse_tuple({.conditional = false}));
        found->branches.push_back(parse_body({"elif", "else", "endif"}));
        const std::string_view end = current_.text;
        next();
        if (end == "elif")
            continue;
        if (end == "else") {
            found->values.push_back(nullptr);
            found->branches.push_back(parse_body_to("endif"));
        }
        return found;
    }
}

std::unique_ptr<statement> parser::parse_set()
{
    auto found = begun(tag::set);
    next();
    found->targets.push_back(parse_target({}, true));
    if (skip("=")) {
        found->values.push_back(parse_tuple({}));
        return found;
    }
    found->kind = tag::set_block;
    found->values.push_back(parse_filter(nullptr, false));
    found->body = parse_body_to("endset");
    return found;
}

std::unique_ptr<statement> parser::parse_with()
{
    auto found = begun(tag::with);
    next();
    while (current_.kind != token_kind::block_end) {
        if (!found->targets.empty())
            expect(",");
        found->targets.push_back(parse_target());
        expect("=");
        found->values.push_back(parse_expression());
    }
    found->body = parse_body_to("endwith");
    return found;
}

void parser::parse_signature(function_body& of)
{
    expect("(");
    while (!current_.is(")")) {
        if (!of.parameters.empty())
            expect(",");
        auto parameter = made(op::name);
        parameter->text = expect_name().text;
        if (is_constant_name(parameter->text))
            refuse("can't assign to '" + std::string(parameter->text) + "'");
        for (const auto& other : of.parameters)
            if (other->text == parameter->text)
                refuse("duplicate argument '" + std::string(parameter->text) + "'");
        of.parameters.push_back(std::move(parameter));
        if (skip("="))
            of.defaults.push_back(parse_expression());
        else if (!of.defaults.empty())
            refuse("non-default argument follows default argument");
    }
    expect(")");
}

std::unique_ptr<statement> parser::parse_macro()
{
    auto found = begun(tag::macro);
    next();
    found->function = std::make_unique<function_body>();
    found->text = expect_name().text;
    if (is_constant_name(found->text))
        refuse("can't assign to '" + std::string(found->text) + "'");
    found->function->name = found->text;
    parse_signature(*found->function);
    found->function->body = parse_body_to("endmacro");
    return found;
}

std::unique_ptr<statement> parser::parse_call_block()
{
    auto found = begun(tag::call_block);
    next();
    found->function = std::make_unique<function_body>();
    found->function->name = "caller";
    if (current_.is("("))
        parse_signature(*found->function);
    found->values.push_back(parse_expression());
    if (found->values.back()->kind != op::call)
        refuse("expected call");
    found->function->body = parse_body_to("endcall");
    return found;
}

std::unique_ptr<statement> parser::parse_filter_block()
{
    auto found = begun(tag::filter_block);
    next();
    found->values.push_back(parse_filter(nullptr, true));
    found->body = parse_body_to("endfilter");
    return found;
}

std::unique_ptr<statement> parser::parse_print()
{
    auto found = begun(tag::output);
    next();
    while (current_.kind != token_kind::block_end) {
        if (!found->values.empty())
            expect(",");
        found->values.push_back(parse_expression());
    }
    return found;
}

// There is nothing to load from: these fail when they are reached. What they would assign matters
// for which variables a template has.
std::unique_ptr<statement> parser::parse_loading(std::string_view what)
{
    auto found = begun(tag::refused);
    found->text = what;
    next();
    found->values.push_back(parse_expression());
    const auto assigned = [&] {
        auto target = made(op::name);
        target->text = expect_name().text;
        found->targets.push_back(std::move(target));
    };
    if (what == "import") {
        expect_keyword("as");
        assigned();
    } else if (what == "from") {
        expect_keyword("import");
        do {
            if (current_.kind != token_kind::name)
                break;
            if (ahead_.is_name("as")) {
                next();
                next();
            }
            assigned();
        } while (skip(","));
    } else if (what == "include" && current_.is_name("ignore") && ahead_.is_name("missing")) {
        next();
        next();
    }
    if ((current_.is_name("with") || current_.is_name("without")) && ahead_.is_name("context")) {
        next();
        next();
    }
    return found;
}

} // namespace warmd::chat

#pragma once
// Tokens to a syntax tree: Jinja's grammar, with the loop controls and {% generation %}.

#include "chat/lexer.hpp"
#include "chat/syntax.hpp"
#include "chat/template_bounds.hpp"

#include <initializer_list>
#include <string_view>

namespace warmd::chat {

class parser {
public:
    /// REQUIRES: both outlive it; `into.source` is normalized UTF-8.
    parser(syntax_tree& into, const template_bounds& bounds);
    /// Fills the tree; a fault `syntax` or `bound` where it cannot.
    void parse();

private:
    using names = std::initializer_list<std::string_view>;
    class level;

    // parser.cpp
    block parse_block(names until);
    block parse_body(names until);
    block parse_body_to(std::string_view until);
    std::unique_ptr<statement> parse_statement();
    std::unique_ptr<statement> parse_for();
    std::unique_ptr<statement> parse_if();
    std::unique_ptr<statement> parse_set();
    std::unique_ptr<statement> parse_with();
    std::unique_ptr<statement> parse_macro();
    std::unique_ptr<statement> parse_call_block();
    std::unique_ptr<statement> parse_filter_block();
    std::unique_ptr<statement> parse_print();
    std::unique_ptr<statement> parse_loading(std::string_view what);
    std::unique_ptr<statement> begun(tag kind);
    void parse_signature(function_body& of);
    std::string open_blocks(names wanted) const;

    // expression_parser.cpp
    expression_ptr parse_expression(bool conditional = true);
    expression_ptr parse_conditional();
    expression_ptr parse_or();
    expression_ptr parse_and();
    expression_ptr parse_not();
    expression_ptr parse_comparison();
    expression_ptr parse_sum();
    expression_ptr parse_concatenation();
    expression_ptr parse_product();
    expression_ptr parse_power();
    expression_ptr parse_unary(bool filtered = true);
    expression_ptr parse_primary(bool name_spaces = false);
    expression_ptr parse_postfix(expression_ptr of);
    expression_ptr parse_filters_and_tests(expression_ptr of);
    expression_ptr parse_subscript(expression_ptr of);
    expression_ptr parse_subscribed();
    expression_ptr parse_call(expression_ptr of);
    expression_ptr parse_filter(expression_ptr of, bool begun);
    expression_ptr parse_test(expression_ptr of);
    std::unique_ptr<call_parts> parse_arguments();
    struct tuple_rules {
        bool primaries = false; ///< targets
        bool conditional = true;
        std::string_view end;     ///< a name that ends it
        bool parentheses = false; ///< may be empty
        bool name_spaces = false;
    };
    expression_ptr parse_tuple(tuple_rules rules);
    expression_ptr parse_target(std::string_view end = {}, bool name_spaces = false);
    expression_ptr parse_list();
    expression_ptr parse_dict();
    std::string_view dotted_name();

    // tokens
    expression_ptr made(op kind) const;
    expression_ptr made(op kind, expression_ptr first, expression_ptr second = {}) const;
    expression_ptr measured(expression_ptr of) const;
    void next();
    bool skip(std::string_view symbol);
    bool skip_name(std::string_view name);
    token expect_name();
    void expect(std::string_view symbol);
    void expect_keyword(std::string_view name);
    [[noreturn]] void refuse(std::string detail) const;

    syntax_tree& tree_;
    const template_bounds& bounds_;
    lexer lexer_;
    token current_, ahead_;
    std::size_t levels_ = 0;
    std::vector<std::string_view> open_;
};

/// Counts what is nested while it lives.
class parser::level {
public:
    explicit level(parser& of);
    ~level() { --of_.levels_; }
    level(const level&) = delete;
    level& operator=(const level&) = delete;

private:
    parser& of_;
};

} // namespace warmd::chat

#pragma once
// A template's source to tokens, as Jinja 3.1 cuts it with trim_blocks and lstrip_blocks.

#include "chat/template_failure.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::chat {

enum class token_kind : std::uint8_t {
    data, ///< what stands outside of tags
    variable_begin,
    variable_end,
    block_begin,
    block_end,
    name,
    string,
    integer,
    real,
    symbol, ///< an operator or a bracket
    end,
};

struct token {
    token_kind kind = token_kind::end;
    std::string_view text; ///< of a string: what it stands for
    std::size_t line = 1;
    std::int64_t integer = 0;
    double real = 0;

    bool is(std::string_view symbol) const { return kind == token_kind::symbol && text == symbol; }
    bool is_name(std::string_view wanted) const
    {
        return kind == token_kind::name && text == wanted;
    }
};
/// As messages have it.
std::string described(const token& what);

/// `source` with \n for \r\n and \r, without one newline at its end.
std::string normalized_source(std::string_view source);

/// Gives the tokens one after the other. REQUIRES: `source` is normalized UTF-8; it and `literals`,
/// which gets what string literals stand for, outlive the tokens.
class lexer {
public:
    lexer(std::string_view source, std::deque<std::string>& literals)
        : source_(source), literals_(literals)
    {
    }
    token next(); ///< a syntax fault where there is none

private:
    enum class inside : std::uint8_t { text, raw, tag, variable };

    bool data(token& into);
    bool raw_data(token& into);
    bool after_text(std::string_view text, token& into);
    token in_tag();
    bool tag_end(token& into);
    token number();
    token string();
    token symbol();
    bool is_raw_begin(std::size_t at, std::size_t& end) const;
    bool find_raw_end(std::size_t& at, std::size_t& end, char& sign) const;
    std::string_view without_margin(std::string_view text, char sign, bool block) const;
    void comment(std::size_t at);
    void skip_space();
    void advance(std::size_t to);
    bool has(std::string_view wanted, std::size_t at) const
    {
        return source_.substr(at, wanted.size()) == wanted;
    }
    char at(std::size_t place) const { return place < source_.size() ? source_[place] : '\0'; }
    std::size_t digits(std::size_t from) const;

    std::string_view source_;
    std::deque<std::string>& literals_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    inside state_ = inside::text;
    bool line_starting_ = true;
    std::vector<char> brackets_; // what is expected to close them
};

/// What the inside of a string literal stands for: Python's escapes.
std::string unescaped(std::string_view inside, std::size_t line);

} // namespace warmd::chat

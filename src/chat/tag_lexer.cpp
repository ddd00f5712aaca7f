// Tokens inside of tags: names, literals, operators.

#include "chat/lexer.hpp"

#include "chat/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace warmd::chat {

namespace {

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool is_word(char32_t code) { return unicode::is_identifier_part(code) || unicode::is_alnum(code); }

} // namespace

token lexer::in_tag()
{
    token found;
    if (!brackets_.empty() && brackets_.back() == '\0') { // the tag begins here
        brackets_.clear();
        found.kind = state_ == inside::tag ? token_kind::block_begin : token_kind::variable_begin;
        found.line = line_;
        advance(at_ + 2);
        if (at(at_) == '-' || at(at_) == '+')
            advance(at_ + 1);
        return found;
    }
    // An end of the tag takes white space before it as well as other tokens do.
    for (;;) {
        found.line = line_;
        if (at_ >= source_.size())
            return found;
        if (brackets_.empty() && tag_end(found))
            return found;
        const std::size_t start = at_;
        skip_space();
        if (at_ == start)
            break;
    }
    if (is_digit(at(at_)))
        return number();
    if (at(at_) == '"' || at(at_) == '\'')
        return string();
    std::size_t end = at_;
    while (end < source_.size()) {
        std::size_t behind = end;
        if (!is_word(unicode::next(source_, behind)))
            break;
        end = behind;
    }
    if (end == at_)
        return symbol();
    found.kind = token_kind::name;
    found.text = source_.substr(at_, end - at_);
    std::size_t place = at_;
    bool good = unicode::is_identifier_start(unicode::next(source_, place));
    while (good && place < end)
        good = unicode::is_identifier_part(unicode::next(source_, place));
    if (!good)
        fail(template_fault::syntax, "Invalid character in identifier", line_);
    advance(end);
    return found;
}

// The byte behind digits with single underscores between them; `from` itself where there are none.
std::size_t lexer::digits(std::size_t from) const
{
    std::size_t end = from;
    while (is_digit(at(end)) || (at(end) == '_' && end > from && is_digit(at(end + 1))))
        ++end;
    return end;
}

token lexer::number()
{
    token found;
    found.line = line_;
    const std::size_t whole = digits(at_);
    std::size_t end = whole;
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_dot) {
        const std::size_t fraction = at(whole) == '.' ? digits(whole + 1) : whole + 1;
        if (at(whole) == '.' && fraction > whole + 1)
            end = fraction;
        if (at(end) == 'e' || at(end) == 'E') {
            const std::size_t sign = end + 1 + (at(end + 1) == '+' || at(end + 1) == '-');
            if (digits(sign) > sign)
                end = digits(sign);
        }
    }
    int base = 10;
    std::size_t from = at_;
    if (end == whole && at(at_) == '0') {
        const char letter = static_cast<char>(at(at_ + 1) | 0x20);
        const int wanted = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        const auto is_digit_of = [&](char byte) {
            return (byte >= '0' && byte < '0' + std::min(wanted, 10)) ||
                   (wanted == 16 && (byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
        };
        std::size_t place = at_ + 2;
        while (wanted != 0 &&
               (is_digit_of(at(place)) || (at(place) == '_' && is_digit_of(at(place + 1)))))
            ++place;
        if (place > at_ + 2) {
            base = wanted;
            from = at_ + 2;
            end = place;
        } else { // 0, 00, 0_0: what follows is another token
            end = at_ + 1;
            while (at(end) == '0' || (at(end) == '_' && at(end + 1) == '0'))
                ++end;
        }
    }
    std::string digits(source_.substr(from, end - from));
    std::erase(digits, '_');
    if (end > whole && base == 10) {
        found.kind = token_kind::real;
        found.real = std::strtod(digits.c_str(), nullptr);
    } else {
        found.kind = token_kind::integer;
        const auto [behind, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), found.integer, base);
        if (error != std::errc())
            fail(template_fault::bound,
                 "the integer " + digits.substr(0, 40) + " is past 64 bits, which is not supported",
                 line_);
    }
    found.text = source_.substr(at_, end - at_);
    advance(end);
    return found;
}

token lexer::string()
{
    token found;
    found.line = line_;
    found.kind = token_kind::string;
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote)
        end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size())
        fail(template_fault::syntax, std::string("unexpected char ") + quote, line_);
    const std::string_view inner = source_.substr(at_ + 1, end - at_ - 1);
    found.text = inner.find('\\') == std::string_view::npos
                     ? inner
                     : std::string_view(literals_.emplace_back(unescaped(inner, line_)));
    advance(end + 1);
    return found;
}

token lexer::symbol()
{
    constexpr std::string_view pairs[] = {"//", "**", "==", "!=", ">=", "<="};
    token found;
    found.line = line_;
    found.kind = token_kind::symbol;
    std::size_t size = 1;
    for (const std::string_view pair : pairs)
        if (has(pair, at_))
            size = 2;
    found.text = source_.substr(at_, size);
    const char byte = source_[at_];
    if (size == 1 && std::string_view("+-/*%~[](){}><=.:|,;").find(byte) == std::string_view::npos)
        fail(template_fault::syntax,
             "unexpected char '" + std::string(source_.substr(at_, unicode::size_from(byte))) + "'",
             line_);
    if (byte == '(' || byte == '[' || byte == '{') {
        brackets_.push_back(byte == '(' ? ')' : byte == '[' ? ']' : '}');
    } else if (byte == ')' || byte == ']' || byte == '}') {
        if (brackets_.empty())
            fail(template_fault::syntax, std::string("unexpected '") + byte + "'", line_);
        if (brackets_.back() != byte)
            fail(template_fault::syntax,
                 std::string("unexpected '") + byte + "', expected '" + brackets_.back() + "'",
                 line_);
        brackets_.pop_back();
    }
    advance(at_ + size);
    return found;
}

} // namespace warmd::chat

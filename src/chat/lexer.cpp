#include "chat/lexer.hpp"

#include "chat/unicode.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

/// The byte behind the white space that begins at `at`.
std::size_t behind_space(std::string_view text, std::size_t at)
{
    while (at < text.size()) {
        std::size_t end = at;
        if (!unicode::is_space(unicode::next(text, end)))
            break;
        at = end;
    }
    return at;
}

} // namespace

std::string described(const token& what)
{
    switch (what.kind) {
    case token_kind::data: return "'template data'";
    case token_kind::variable_begin: return "'begin of print statement'";
    case token_kind::variable_end: return "'end of print statement'";
    case token_kind::block_begin: return "'begin of statement block'";
    case token_kind::block_end: return "'end of statement block'";
    case token_kind::string: return "'string'";
    case token_kind::integer: return "'integer'";
    case token_kind::real: return "'float'";
    case token_kind::end: return "'end of template'";
    case token_kind::name:
    case token_kind::symbol: break;
    }
    return "'" + std::string(what.text) + "'";
}

std::string normalized_source(std::string_view source)
{
    std::string text;
    text.reserve(source.size());
    for (std::size_t at = 0; at < source.size(); ++at) {
        text += source[at] == '\r' ? '\n' : source[at];
        if (source[at] == '\r' && at + 1 < source.size() && source[at + 1] == '\n')
            ++at;
    }
    if (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

void lexer::advance(std::size_t to)
{
    if (to > at_)
        line_starting_ = source_[to - 1] == '\n';
    line_ += static_cast<std::size_t>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                 source_.begin() + static_cast<std::ptrdiff_t>(to),
                                                 '\n'));
    at_ = to;
}

void lexer::skip_space() { advance(behind_space(source_, at_)); }

token lexer::next()
{
    for (;;) {
        token found;
        found.line = line_;
        switch (state_) {
        case inside::text:
            if (at_ >= source_.size())
                return found;
            if (data(found))
                return found;
            break;
        case inside::raw:
            if (raw_data(found))
                return found;
            break;
        case inside::tag:
        case inside::variable: return in_tag();
        }
    }
}

// {% raw %}, from `at` on: `end` is the byte behind it.
bool lexer::is_raw_begin(std::size_t at, std::size_t& end) const
{
    std::size_t place = at + 2;
    if (this->at(place) == '-' || this->at(place) == '+')
        ++place;
    place = behind_space(source_, place);
    if (!has("raw", place))
        return false;
    place = behind_space(source_, place + 3);
    if (has("-%}", place)) {
        end = behind_space(source_, place + 3);
        return true;
    }
    end = place + 2;
    return has("%}", place);
}

bool lexer::find_raw_end(std::size_t& at, std::size_t& end, char& sign) const
{
    for (at = source_.find("{%", at_); at != std::string_view::npos;
         at = source_.find("{%", at + 1)) {
        std::size_t place = at + 2;
        sign = this->at(place);
        if (sign == '-' || sign == '+')
            ++place;
        else
            sign = ' ';
        place = behind_space(source_, place);
        if (!has("endraw", place))
            continue;
        place = behind_space(source_, place + 6);
        if (has("+%}", place)) {
            end = place + 3;
            return true;
        }
        if (has("-%}", place)) {
            end = behind_space(source_, place + 3);
            return true;
        }
        if (has("%}", place)) {
            end = place + 2;
            end += this->at(end) == '\n';
            return true;
        }
    }
    return false;
}

// The text before a tag, without what the tag takes of it. `sign` is what stands after {% or {{.
std::string_view lexer::without_margin(std::string_view text, char sign, bool block) const
{
    if (sign == '-')
        return unicode::right_stripped(text);
    if (sign == '+' || !block)
        return text;
    const std::size_t newline = text.rfind('\n');
    const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if ((line > 0 || line_starting_) && line < text.size() &&
        behind_space(text, line) == text.size())
        return text.substr(0, line);
    return text;
}

// Text up to the next tag, and the tag's beginning; true if the text is not empty.
bool lexer::data(token& into)
{
    std::size_t tag = source_.find('{', at_);
    while (tag != std::string_view::npos && at(tag + 1) != '%' && at(tag + 1) != '{' &&
           at(tag + 1) != '#')
        tag = source_.find('{', tag + 1);
    into.kind = token_kind::data;
    if (tag == std::string_view::npos) {
        into.text = source_.substr(at_);
        advance(source_.size());
        return true;
    }
    const char opens = at(tag + 1);
    const char sign = at(tag + 2) == '-' || at(tag + 2) == '+' ? at(tag + 2) : ' ';
    into.text = without_margin(source_.substr(at_, tag - at_), sign, opens != '{');
    std::size_t raw_end = 0;
    if (opens == '#') {
        comment(tag);
    } else if (opens == '%' && is_raw_begin(tag, raw_end)) {
        advance(raw_end);
        state_ = inside::raw;
    } else {
        // The tag's own token is next: in_tag() gives it, from its first byte.
        advance(tag);
        state_ = opens == '%' ? inside::tag : inside::variable;
        brackets_.push_back('\0');
    }
    return !into.text.empty();
}

void lexer::comment(std::size_t at)
{
    std::size_t from = at + 2;
    from += this->at(from) == '-' || this->at(from) == '+';
    const std::size_t close = source_.find("#}", from);
    if (close == std::string_view::npos)
        fail(template_fault::syntax, "Missing end of comment tag",
             line_ + static_cast<std::size_t>(
                         std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                    source_.begin() + static_cast<std::ptrdiff_t>(at), '\n')));
    const char sign = close > from ? source_[close - 1] : ' ';
    std::size_t end = close + 2;
    if (sign == '-')
        end = behind_space(source_, end);
    else if (sign != '+')
        end += this->at(end) == '\n';
    advance(end);
}

bool lexer::raw_data(token& into)
{
    std::size_t at = 0, end = 0;
    char sign = ' ';
    if (!find_raw_end(at, end, sign))
        fail(template_fault::syntax, "Missing end of raw directive", line_);
    into.kind = token_kind::data;
    into.text = without_margin(source_.substr(at_, at - at_), sign, true);
    advance(end);
    state_ = inside::text;
    return !into.text.empty();
}

bool lexer::tag_end(token& into)
{
    const bool block = state_ == inside::tag;
    const std::string_view close = block ? "%}" : "}}";
    std::size_t end = 0;
    if (has(close, at_)) {
        end = at_ + 2;
        end += block && at(end) == '\n';
    } else if (at(at_) == '-' && has(close, at_ + 1)) {
        end = behind_space(source_, at_ + 3);
    } else if (block && at(at_) == '+' && has(close, at_ + 1)) {
        end = at_ + 3;
    } else {
        return false;
    }
    into.kind = block ? token_kind::block_end : token_kind::variable_end;
    advance(end);
    state_ = inside::text;
    return true;
}

} // namespace warmd::chat

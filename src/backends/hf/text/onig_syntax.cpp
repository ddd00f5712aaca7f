#include "hf/text/onig_syntax.hpp"

#include "hf/text/onig_names.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace warmd::hf {

namespace {

constexpr std::string_view word_alone = // \w by itself has these six of Latin-1 too
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xB2\\xB3\\xB9\\xBC-\\xBE";
constexpr std::string_view mongolian_vowel_separator = "\\x{180E}";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A regular expression for one character that is not among `members`.
std::string none_of(std::string_view members) { return "[^" + std::string(members) + "]"; }

/// What one operand of a character class has: members for inside [...], and expressions for one
/// character each of what cannot stand there.
struct class_part {
    std::string members;
    std::vector<std::string> others;

    /// An expression for one character of them.
    std::string expression() const
    {
        std::string any = members.empty() ? "" : "[" + members + "]";
        for (const std::string& other : others)
            any += (any.empty() ? "" : "|") + other;
        return any.empty() ? "(?!)" : any;
    }
    void add(const std::string& set, bool negated)
    {
        if (negated)
            others.push_back(none_of(set));
        else
            members += set;
    }
};

/// One pass over the pattern from left to right, writing as it reads.
class translation {
public:
    explicit translation(std::string_view pattern) : in_(pattern) {}

    result<std::string> run()
    {
        while (at_ < in_.size() && problem_.empty())
            step();
        if (!problem_.empty())
            return failure{errc::unsupported,
                           problem_ + " in the regular expression " + shortened(in_)};
        return std::move(out_);
    }

private:
    char peek(std::size_t ahead = 0) const
    {
        return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0';
    }
    bool ahead_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }
    void refuse(std::string_view what) { problem_ = what; }
    std::string_view take(std::size_t count)
    {
        const std::string_view taken = in_.substr(at_, count);
        at_ += taken.size();
        return taken;
    }
    void copy(std::size_t count) { out_ += take(count); }
    void replace(std::size_t count, std::string_view by)
    {
        at_ += count;
        out_ += by;
    }

    void step()
    {
        switch (peek()) {
        case '\\': escape(); break;
        case '[': open_class(); break;
        case '(': open_group(); break;
        case '{': counted_repeat(); break;
        default: copy(1);
        }
    }

    // -- classes --
    void open_class()
    {
        const auto [members, negated, expression] = read_class(0);
        out_ += expression.empty() ? (negated ? "[^" : "[") + members + "]" : expression;
    }

    /// A class: its members or, where those are not all there is to it, an expression.
    struct read {
        std::string members;
        bool negated = false;
        std::string expression;
    };
    read read_class(int depth)
    {
        constexpr int deepest = 16;
        if (depth > deepest) {
            refuse("character classes nested too deep");
            return {};
        }
        take(1);
        const bool negated = peek() == '^';
        take(negated ? 1 : 0);
        std::vector<class_part> parts(1); // between &&
        if (peek() == ']')
            parts.back().members += "\\" + std::string(take(1));
        while (problem_.empty() && peek() != ']') {
            if (at_ >= in_.size())
                refuse("a character class without end");
            else if (ahead_is("&&")) {
                take(2);
                parts.emplace_back();
            } else {
                read_member(parts.back(), depth);
            }
        }
        take(1);
        if (parts.size() == 1 && parts[0].others.empty())
            return {parts[0].members, negated, {}};
        return {{}, negated, expression_of(parts, negated)};
    }

    static std::string expression_of(const std::vector<class_part>& parts, bool negated)
    {
        if (parts.size() == 1 && !negated)
            return "(?:" + parts[0].expression() + ")";
        std::string all;
        for (const class_part& part : parts)
            all += "(?=" + part.expression() + ")";
        return negated ? "(?:(?!" + all + ")(?s:.))" : "(?:" + all + "(?s:.))";
    }

    void read_member(class_part& into, int depth)
    {
        std::string& members = into.members;
        const bool in_range = members.ends_with('-') && members.size() > 1;
        const std::size_t before = at_;
        if (peek() == '\\')
            return class_escape(into);
        if (peek() != '[') {
            members += take(1);
            return;
        }
        if (in_range && !members.ends_with("\\-"))
            return refuse("a range that ends in a character class");
        if (!ahead_is("[:") || !read_bracket(into)) {
            at_ = before;
            const read inner = read_class(depth + 1);
            if (!inner.expression.empty())
                into.others.push_back(inner.expression);
            else
                into.add(inner.members, inner.negated);
        }
        if (peek() == '-' && peek(1) != ']') { // not a range that begins there
            take(1);
            members += "\\-";
        }
    }
    /// [:alpha:], if it is that.
    bool read_bracket(class_part& into)
    {
        const std::size_t end = in_.find(":]", at_ + 2);
        if (end == std::string_view::npos)
            return false;
        std::string_view name = in_.substr(at_ + 2, end - at_ - 2);
        const bool negated = name.starts_with('^');
        name.remove_prefix(negated ? 1 : 0);
        const std::optional<std::string> members = onig_bracket_members(name);
        if (!members)
            return false;
        at_ = end + 2;
        into.add(*members, negated);
        return true;
    }
    void class_escape(class_part& into)
    {
        const auto set = [&](std::string_view members, bool negated) {
            take(2);
            into.add(std::string(members), negated);
        };
        switch (peek(1)) {
        case 's': return set(onig_white_space, false);
        case 'S': return set("\\S" + std::string(mongolian_vowel_separator), false);
        case 'w': return set(onig_word, false);
        case 'W': return set(onig_word, true);
        case 'h': return set(onig_hex_digit, false);
        case 'H': return set(onig_hex_digit, true);
        case 'b': into.members += take(2); return;
        case 'B': return refuse("\\B in a character class");
        case 'p':
        case 'P': {
            const auto [members, negated] = property();
            if (negated && members.starts_with("\\p{") && members.find('}') == members.size() - 1)
                into.members += "\\P" + members.substr(2);
            else
                into.add(members, negated);
            return;
        }
        default: into.members += plain_escape();
        }
    }
    // -- groups and repeats --
    void open_group()
    {
        if (ahead_is("(*"))
            return refuse("(*");
        if (!ahead_is("(?") || (!is_letter(peek(2)) && peek(2) != '-'))
            return copy(ahead_is("(?") ? 2 : 1); // (, (?:, (?=, (?!, (?>, (?<..., (?#
        const bool at_group_start =
            out_.empty() || (out_.back() == '(' && !out_.ends_with("\\(")) || out_.ends_with("(?:");
        std::size_t end = at_ + 2;
        std::string options = "(?";
        for (; end < in_.size() && in_[end] != ':' && in_[end] != ')'; ++end) {
            const char option = in_[end];
            if (option != 'i' && option != 'm' && option != '-')
                return refuse("the option " + std::string(1, option));
            options += option == 'm' ? 's' : option;
        }
        if (end < in_.size() && in_[end] == ')' && !at_group_start)
            return refuse("an option in mid-group");
        replace(end - at_, options);
        if (at_ < in_.size())
            copy(1);
    }
    void counted_repeat()
    {
        std::size_t end = at_ + 1;
        while (end < in_.size() && (is_digit(in_[end]) || in_[end] == ','))
            ++end;
        const std::string_view counts = in_.substr(at_ + 1, end - at_ - 1);
        if (end >= in_.size() || in_[end] != '}' || counts.empty() || counts == "," ||
            std::ranges::count(counts, ',') > 1)
            return copy(1); // a brace that stands for itself, in both
        if (end + 1 < in_.size() && in_[end + 1] == '+')
            return refuse(
                "a counted repeat followed by + (possessive to PCRE2, repeated to Oniguruma)");
        if (counts.front() == ',')
            replace(2, "{0,");
        copy(end + 1 - at_);
    }

    // -- escapes --
    void set(std::string_view members, bool negated)
    {
        replace(2, negated ? none_of(members) : "[" + std::string(members) + "]");
    }
    void boundary(bool negated)
    {
        const std::string w = "[" + std::string(word_alone) + "]";
        const std::string_view here = negated ? "=" : "!";
        const std::string_view there = negated ? "!" : "=";
        replace(2, "(?:(?<=" + w + ")(?" + std::string(here) + w + ")|(?<!" + w + ")(?" +
                       std::string(there) + w + "))");
    }
    void escape()
    {
        switch (peek(1)) {
        case 's': return set(onig_white_space, false);
        case 'S': return set(onig_white_space, true);
        case 'w': return set(word_alone, false);
        case 'W': return set(word_alone, true);
        case 'h': return set(onig_hex_digit, false);
        case 'H': return set(onig_hex_digit, true);
        case 'b': return boundary(false);
        case 'B': return boundary(true);
        case 'p':
        case 'P': {
            const auto [members, negated] = property();
            const std::string_view all = members == onig_word ? word_alone : members;
            out_.append(negated ? "[^" : "[").append(all).append("]");
            return;
        }
        default: out_ += plain_escape();
        }
    }
    /// One that means the same inside a class and outside.
    std::string plain_escape()
    {
        switch (peek(1)) {
        case 'v': take(2); return "\\x0B";
        case 'u': return code_point();
        case 'x': return hexadecimal();
        default:
            constexpr std::string_view alike = "adDefnrtAGkgzZKRX";
            if (is_letter(peek(1)) && alike.find(peek(1)) == std::string_view::npos)
                refuse("\\" + std::string(1, peek(1)));
            return std::string(take(2));
        }
    }
    std::string code_point()
    {
        for (std::size_t i = 2; i < 6; ++i)
            if (!is_hex(peek(i)))
                refuse("\\u without four hexadecimal digits");
        return "\\x{" + std::string(take(6).substr(2)) + "}";
    }
    std::string hexadecimal()
    {
        if (is_hex(peek(2)) && is_hex(peek(3)) && peek(2) >= '8')
            refuse("a byte above 7F (\\x" + std::string(in_.substr(at_ + 2, 2)) + ")");
        return std::string(take(peek(2) == '{' ? 3 : 2));
    }
    /// The members of \p{name}, and whether they are what it leaves out.
    std::pair<std::string, bool> property()
    {
        const std::size_t end = peek(2) == '{' ? in_.find('}', at_) : std::string_view::npos;
        if (end == std::string_view::npos) {
            refuse("\\p without {name}");
            return {};
        }
        const bool outside = peek(1) == 'P';
        std::string_view name = take(end + 1 - at_).substr(3);
        name.remove_suffix(1);
        const bool negated = name.starts_with('^');
        name.remove_prefix(negated ? 1 : 0);
        return {onig_property_members(name), outside != negated};
    }

    std::string_view in_;
    std::size_t at_ = 0;
    std::string out_;
    std::string problem_;
};

} // namespace

result<std::string> pcre2_from_oniguruma(std::string_view pattern)
{
    return translation(pattern).run();
}

} // namespace warmd::hf

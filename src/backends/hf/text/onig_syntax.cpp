#include "hf/text/onig_syntax.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace warmd::hf {

namespace {

using names = std::pair<std::string_view, std::string_view>;

// What may stand inside [...].
constexpr std::string_view white_space = "\\t-\\r\\x{85}\\p{Z}"; // White_Space
constexpr std::string_view word =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"; // UTS #18, as Oniguruma builds its table
constexpr std::string_view hex_digit = "0-9A-Fa-f";
constexpr std::string_view mongolian_vowel_separator = "\\x{180E}";

constexpr std::array<names, 6> posix_like{{{"alpha", "Alphabetic"},
                                           {"digit", "Nd"},
                                           {"lower", "Lowercase"},
                                           {"upper", "Uppercase"},
                                           {"cntrl", "Cc"},
                                           {"any", "Any"}}};
constexpr std::array<names, 38> categories{{{"letter", "L"},
                                            {"casedletter", "L&"},
                                            {"uppercaseletter", "Lu"},
                                            {"lowercaseletter", "Ll"},
                                            {"titlecaseletter", "Lt"},
                                            {"modifierletter", "Lm"},
                                            {"otherletter", "Lo"},
                                            {"mark", "M"},
                                            {"combiningmark", "M"},
                                            {"nonspacingmark", "Mn"},
                                            {"spacingmark", "Mc"},
                                            {"enclosingmark", "Me"},
                                            {"number", "N"},
                                            {"decimalnumber", "Nd"},
                                            {"letternumber", "Nl"},
                                            {"othernumber", "No"},
                                            {"punctuation", "P"},
                                            {"connectorpunctuation", "Pc"},
                                            {"dashpunctuation", "Pd"},
                                            {"openpunctuation", "Ps"},
                                            {"closepunctuation", "Pe"},
                                            {"initialpunctuation", "Pi"},
                                            {"finalpunctuation", "Pf"},
                                            {"otherpunctuation", "Po"},
                                            {"symbol", "S"},
                                            {"mathsymbol", "Sm"},
                                            {"currencysymbol", "Sc"},
                                            {"modifiersymbol", "Sk"},
                                            {"othersymbol", "So"},
                                            {"separator", "Z"},
                                            {"spaceseparator", "Zs"},
                                            {"lineseparator", "Zl"},
                                            {"paragraphseparator", "Zp"},
                                            {"other", "C"},
                                            {"control", "Cc"},
                                            {"format", "Cf"},
                                            {"privateuse", "Co"},
                                            {"unassigned", "Cn"}}};
constexpr std::string_view short_categories =
    " c cc cf cn co cs l lc ll lm lo lt lu m mc me mn n nd nl no p pc pd pe pf pi po ps s sc sk sm "
    "so z zl zp zs ";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

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
    void copy(std::size_t count)
    {
        out_ += in_.substr(at_, count);
        at_ += count;
    }
    void replace(std::size_t count, std::string_view by)
    {
        at_ += count;
        out_ += by;
    }

    void step()
    {
        switch (peek()) {
        case '\\': escape(); break;
        case '[': in_class_ ? inner_bracket() : open_class(); break;
        case ']': close_class(); break;
        case '(': in_class_ ? copy(1) : open_group(); break;
        case '{': in_class_ ? copy(1) : counted_repeat(); break;
        case '&':
            if (in_class_ && peek(1) == '&')
                return refuse("a character class intersection (&&)");
            copy(1);
            break;
        default: copy(1);
        }
    }

    // -- classes --
    void open_class()
    {
        in_class_ = true;
        copy(peek(1) == '^' ? 2 : 1);
        if (peek() == ']')
            refuse("a character class that begins with ]");
    }
    void close_class()
    {
        in_class_ = false;
        copy(1);
    }
    void inner_bracket()
    {
        const std::size_t end = ahead_is("[:") ? in_.find(":]", at_ + 2) : std::string_view::npos;
        if (end == std::string_view::npos)
            return refuse("a character class within a character class");
        const std::string_view name = in_.substr(at_ + 2, end - at_ - 2);
        if (name == "space")
            replace(end + 2 - at_, white_space);
        else if (name == "word")
            replace(end + 2 - at_, word);
        else if (name == "^space" || name == "^word")
            refuse("[:" + std::string(name) + ":]");
        else
            copy(end + 2 - at_);
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
        at_ += 2;
        if (in_class_)
            out_ += members;
        else
            out_.append(negated ? "[^" : "[").append(members).append("]");
    }
    void boundary(bool negated)
    {
        const std::string w = "[" + std::string(word) + "]";
        const std::string_view here = negated ? "=" : "!";
        const std::string_view there = negated ? "!" : "=";
        replace(2, "(?:(?<=" + w + ")(?" + std::string(here) + w + ")|(?<!" + w + ")(?" +
                       std::string(there) + w + "))");
    }
    void escape()
    {
        switch (peek(1)) {
        case 's': return set(white_space, false);
        case 'S':
            if (in_class_)
                return replace(2, "\\S" + std::string(mongolian_vowel_separator));
            return set(white_space, true);
        case 'w': return set(word, false);
        case 'W': return in_class_ ? refuse("\\W in a character class") : set(word, true);
        case 'h': return set(hex_digit, false);
        case 'H': return in_class_ ? refuse("\\H in a character class") : set(hex_digit, true);
        case 'b': return in_class_ ? copy(2) : boundary(false);
        case 'B': return in_class_ ? refuse("\\B in a character class") : boundary(true);
        case 'v': return replace(2, "\\x0B");
        case 'u': return code_point();
        case 'x': return hexadecimal();
        case 'p':
        case 'P': return property();
        default:
            constexpr std::string_view alike = "adDefnrtAGkgzZKRX";
            if (is_letter(peek(1)) && alike.find(peek(1)) == std::string_view::npos)
                return refuse("\\" + std::string(1, peek(1)));
            copy(at_ + 1 < in_.size() ? 2 : 1);
        }
    }
    void code_point()
    {
        for (std::size_t i = 2; i < 6; ++i)
            if (!is_hex(peek(i)))
                return refuse("\\u without four hexadecimal digits");
        const std::string digits(in_.substr(at_ + 2, 4));
        replace(6, "\\x{" + digits + "}");
    }
    void hexadecimal()
    {
        if (peek(2) == '{')
            return copy(3);
        if (is_hex(peek(2)) && is_hex(peek(3)) && peek(2) >= '8')
            return refuse("a byte above 7F (\\x" + std::string(in_.substr(at_ + 2, 2)) + ")");
        copy(2);
    }
    void property()
    {
        const std::size_t end = peek(2) == '{' ? in_.find('}', at_) : std::string_view::npos;
        if (end == std::string_view::npos)
            return refuse("\\p without {name}");
        const std::string escape_sign(in_.substr(at_, 2));
        std::string_view given = in_.substr(at_ + 3, end - at_ - 3);
        const bool negated = given.starts_with('^');
        given.remove_prefix(negated ? 1 : 0);
        replace(end + 1 - at_,
                escape_sign + "{" + (negated ? "^" : "") + property_name(given) + "}");
    }
    /// PCRE2's name for one of Oniguruma's properties; what neither list has is taken for a script,
    /// which PCRE2 checks.
    static std::string property_name(std::string_view given)
    {
        std::string plain; // names compare without case, spaces, hyphens and underscores
        for (char c : given)
            if (c != ' ' && c != '-' && c != '_')
                plain += is_letter(c) ? static_cast<char>(c | 0x20) : c;
        for (const auto& [long_name, short_name] : categories)
            if (plain == long_name)
                return std::string(short_name);
        for (const auto& [long_name, short_name] : posix_like)
            if (plain == long_name)
                return std::string(short_name);
        if (plain.size() <= 2 && short_categories.find(" " + plain + " ") != std::string_view::npos)
            return plain == "lc"
                       ? "L&"
                       : std::string(1, static_cast<char>(plain[0] & ~0x20)) + plain.substr(1);
        return "sc:" + std::string(given);
    }

    std::string_view in_;
    std::size_t at_ = 0;
    bool in_class_ = false;
    std::string out_;
    std::string problem_;
};

} // namespace

result<std::string> pcre2_from_oniguruma(std::string_view pattern)
{
    return translation(pattern).run();
}

} // namespace warmd::hf

#include "hf/text/onig_names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace warmd::hf {

namespace {

using names = std::pair<std::string_view, std::string_view>;

constexpr std::string_view visible = "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cf}\\p{Co}";
constexpr std::string_view printed = "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cf}\\p{Co}\\p{Zs}";

/// In brackets and, but for punct and ascii, as properties.
constexpr std::array<names, 14> posix{{{"alpha", "\\p{Alphabetic}"},
                                       {"alnum", "\\p{Alphabetic}\\p{Nd}"},
                                       {"digit", "\\p{Nd}"},
                                       {"lower", "\\p{Lowercase}"},
                                       {"upper", "\\p{Uppercase}"},
                                       {"cntrl", "\\p{Cc}"},
                                       {"space", onig_white_space},
                                       {"word", onig_word},
                                       {"xdigit", onig_hex_digit},
                                       {"blank", "\\t\\p{Zs}"},
                                       {"graph", visible},
                                       {"print", printed},
                                       {"punct", "\\p{P}\\p{S}"},
                                       {"ascii", "\\x00-\\x7F"}}};
constexpr std::array<names, 3> others{
    {{"punct", "\\p{P}"}, {"any", "\\p{Any}"}, {"assigned", "\\P{Cn}"}}};
/// Properties of either value, by PCRE2's names for them: it compares names as loosely.
constexpr std::string_view binary =
    " alphabetic lowercase uppercase cased whitespace emoji emojipresentation emojimodifier"
    " emojimodifierbase emojicomponent extendedpictographic math ideographic dash diacritic"
    " hexdigit idstart idcontinue xidstart xidcontinue defaultignorablecodepoint ";
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

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <std::size_t Count>
std::optional<std::string_view> find(const std::array<names, Count>& list, std::string_view name)
{
    const auto found = std::ranges::find(list, name, &names::first);
    return found == list.end() ? std::nullopt : std::optional(found->second);
}

bool has(std::string_view list, std::string_view name)
{
    return list.find(" " + std::string(name) + " ") != std::string_view::npos;
}

std::string property(std::string_view name) { return "\\p{" + std::string(name) + "}"; }

} // namespace

std::optional<std::string> onig_bracket_members(std::string_view name)
{
    const auto found = find(posix, name);
    return found ? std::optional(std::string(*found)) : std::nullopt;
}

std::string onig_property_members(std::string_view name)
{
    std::string plain; // names compare without case, spaces, hyphens and underscores
    for (const char c : name)
        if (c != ' ' && c != '-' && c != '_')
            plain += is_letter(c) ? static_cast<char>(c | 0x20) : c;
    if (const auto category = find(categories, plain))
        return property(*category);
    if (const auto other = find(others, plain))
        return std::string(*other);
    if (const auto members = find(posix, plain))
        return std::string(*members);
    if (plain == "lc")
        return property("L&");
    if (plain.size() <= 2 && has(short_categories, plain))
        return property(std::string(1, static_cast<char>(plain[0] & ~0x20)) + plain.substr(1));
    if (has(binary, plain))
        return property(plain);
    return property("sc:" + std::string(name)); // the Script property, not Script_Extensions
}

} // namespace warmd::hf

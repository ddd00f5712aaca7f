#pragma once
// Oniguruma's names for sets of characters, in PCRE2's.

#include <optional>
#include <string>
#include <string_view>

namespace warmd::hf {

// What may stand inside PCRE2's [...].
inline constexpr std::string_view onig_white_space = "\\t-\\r\\x{85}\\p{Z}"; ///< White_Space
inline constexpr std::string_view onig_word =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"; ///< UTS #18, as Oniguruma builds its table
inline constexpr std::string_view onig_hex_digit = "0-9A-Fa-f";

/// The members of [[:name:]], for inside [...]; nothing, if there is none of that name.
std::optional<std::string> onig_bracket_members(std::string_view name);

/// The members of \p{name}, for inside [...]. What is no category is taken for a property or a
/// script of that name, which PCRE2 checks.
std::string onig_property_members(std::string_view name);

} // namespace warmd::hf

#pragma once
// What the rules of a tokenizer.json take a character for. Each answer is that of tokenizers 0.23,
// whose parts go by Unicode versions of their own: the tables under unicode/ were asked of it
// (tools/oracle). An unassigned code point is in no set.

#include <string>

namespace warmd::hf {

bool is_white_space(char32_t c) noexcept;     ///< Unicode's White_Space
bool is_punctuation(char32_t c) noexcept;     ///< the categories P, and ASCII's symbols
bool is_numeric(char32_t c) noexcept;         ///< the categories N
bool is_word(char32_t c) noexcept;            ///< UTS #18's word characters, with the joiners
bool is_control(char32_t c) noexcept;         ///< the categories C, without \\t, \\n and \\r
bool is_mark(char32_t c) noexcept;            ///< the categories M
bool is_nonspacing_mark(char32_t c) noexcept; ///< the category Mn, of what NFD leaves as it is
bool is_in_unicode_9(char32_t c) noexcept;    ///< assigned by then
bool is_ideograph(char32_t c) noexcept;       ///< what BERT sets apart: blocks of CJK ideographs

/// Whether `c` goes on with the grapheme cluster of a letter before it (UAX #29: Extend, ZWJ,
/// SpacingMark).
bool extends_grapheme(char32_t c) noexcept;

/// Appends `c` in lower case, by itself: without regard to what stands around it.
void append_lower_case(std::string& out, char32_t c);

/// A number for the script of `c`, Japanese's three being one; no_script for a space and for what
/// has none.
inline constexpr int no_script = -1;
int script_of(char32_t c) noexcept;

} // namespace warmd::hf

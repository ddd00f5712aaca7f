#pragma once
// Text by its characters, which are Unicode code points. Case mapping is the simple one, of the
// Latin, Greek and Cyrillic letters whose cases stand side by side in Unicode.

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::evaluation {

/// REQUIRES: UTF-8.
std::u32string characters_of(std::string_view text);
std::string utf8_of(std::u32string_view characters);
std::size_t count_characters(std::string_view text);
/// At most so many characters from `first` on.
std::string characters_from(std::string_view text, std::size_t first, std::size_t most);

bool is_space(char32_t c);
/// A letter, a digit or `_`: what no word boundary stands between.
bool is_word_character(char32_t c);
bool is_upper(char32_t c);
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);

std::string_view trimmed(std::string_view text); ///< of ASCII white space
bool is_blank(std::string_view text);            ///< white space of any script, or nothing

} // namespace warmd::evaluation

#pragma once
// Code points in UTF-8 texts, and what Python's str says of them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace warmd::chat::unicode {

/// REQUIRES, here and below: texts are UTF-8.
std::size_t count(std::string_view text);
/// The byte at which the code point of that index begins; the size for an index past the end.
std::size_t offset(std::string_view text, std::size_t index);
/// How many bytes the code point that begins with this byte has.
inline std::size_t size_from(char first)
{
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
/// The code point that begins at `at`, which moves behind it.
char32_t next(std::string_view text, std::size_t& at);
/// The byte at which the code point before `at` begins. REQUIRES: at > 0
std::size_t before(std::string_view text, std::size_t at);
bool is_valid(std::string_view text);
/// Appends it as UTF-8. REQUIRES: not a surrogate, at most U+10FFFF.
template <class Text>
void append(Text& to, char32_t code)
{
    if (code < 0x80) {
        to += static_cast<char>(code);
        return;
    }
    if (code < 0x800) {
        to += static_cast<char>(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            to += static_cast<char>(0xE0 | code >> 12);
        } else {
            to += static_cast<char>(0xF0 | code >> 18);
            to += static_cast<char>(0x80 | (code >> 12 & 0x3F));
        }
        to += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    }
    to += static_cast<char>(0x80 | (code & 0x3F));
}

bool is_space(char32_t code);      ///< str.isspace
bool is_line_break(char32_t code); ///< where str.splitlines() splits
bool is_printable(char32_t code);
bool is_alpha(char32_t code);
bool is_decimal(char32_t code);
bool is_digit(char32_t code);
bool is_numeric(char32_t code);
inline bool is_alnum(char32_t code)
{
    return is_alpha(code) || is_decimal(code) || is_digit(code) || is_numeric(code);
}
bool is_upper(char32_t code);
bool is_lower(char32_t code);
bool is_title(char32_t code);
bool is_cased(char32_t code);
bool is_identifier_start(char32_t code);
bool is_identifier_part(char32_t code);
/// The value of a decimal digit. REQUIRES: is_decimal()
int decimal_value(char32_t code);

// Full case mapping, appended.
void append_upper(std::string& to, char32_t code);
void append_title(std::string& to, char32_t code);
/// `at` is where it begins in `text`: a final sigma is another letter.
void append_lower(std::string& to, std::string_view text, std::size_t at);
void append_folded(std::string& to, char32_t code);

/// Without white space at its ends.
std::string_view stripped(std::string_view text);
std::string_view left_stripped(std::string_view text);
std::string_view right_stripped(std::string_view text);

} // namespace warmd::chat::unicode

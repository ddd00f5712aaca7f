#pragma once
// The little UTF-8 that the tokenizer needs by itself. Where a function takes "valid" text,
// to_valid_utf8 made it so.

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::hf {

/// Bytes of the character that starts with `first` in valid text: 1 to 4.
constexpr std::size_t utf8_length(char first) noexcept
{
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Whether `byte` continues a character.
constexpr bool is_utf8_continuation(char byte) noexcept
{
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The start of the character that ends just before `end` in valid text. REQUIRES: 0 < end <=
/// text.size()
std::size_t previous_character(std::string_view text, std::size_t end) noexcept;

/// The first character of valid, non-empty text.
char32_t first_code_point(std::string_view text) noexcept;

/// How many there are in valid UTF-8.
std::size_t code_points(std::string_view utf8) noexcept;

/// Appends `code_point` (a Unicode scalar value).
void append_code_point(std::string& out, char32_t code_point);

bool is_valid_utf8(std::string_view bytes) noexcept;

/// Whether `bytes` end with the beginning of a character that other bytes could complete.
bool ends_within_character(std::string_view bytes) noexcept;

/// `bytes` with each maximal invalid part replaced by U+FFFD (Unicode 15 §3.9, table 3-8: what
/// Rust's from_utf8_lossy does).
std::string to_valid_utf8(std::string_view bytes);

} // namespace warmd::hf

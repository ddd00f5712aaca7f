#include "evaluation/characters.hpp"

#include <algorithm>

namespace warmd::evaluation {

namespace {

/// How many bytes the character has that begins with this one (RFC 3629, section 3).
std::size_t bytes_of(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

bool within(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

/// Blocks in which every capital stands right before its small letter.
bool is_paired(char32_t c)
{
    return within(c, 0x100, 0x12f) || within(c, 0x132, 0x137) || within(c, 0x14a, 0x177) ||
           within(c, 0x460, 0x481) || within(c, 0x48a, 0x4bf) || within(c, 0x1e00, 0x1e95);
}
bool is_paired_from_odd(char32_t c) { return within(c, 0x139, 0x148) || within(c, 0x179, 0x17e); }

} // namespace

std::u32string characters_of(std::string_view text)
{
    std::u32string made;
    made.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t bytes = std::min(bytes_of(first), text.size() - i);
        char32_t c = bytes == 1 ? first : first & (0xffu >> (bytes + 1));
        for (std::size_t k = 1; k != bytes; ++k)
            c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
        made += c;
        i += bytes;
    }
    return made;
}

std::string utf8_of(std::u32string_view characters)
{
    std::string made;
    const auto put = [&](char32_t bits) { made += static_cast<char>(bits); };
    for (const char32_t c : characters) {
        if (c < 0x80) {
            put(c);
            continue;
        }
        const unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        put((0xff00u >> (more + 1) & 0xffu) | c >> 6 * more);
        for (unsigned k = more; k-- != 0;)
            put(0x80u | (c >> 6 * k & 0x3fu));
    }
    return made;
}

std::size_t count_characters(std::string_view text)
{
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string characters_from(std::string_view text, std::size_t first, std::size_t most)
{
    std::size_t i = 0;
    const auto skip = [&](std::size_t count) {
        for (; count != 0 && i < text.size(); --count)
            i = std::min(i + bytes_of(static_cast<unsigned char>(text[i])), text.size());
        return i;
    };
    const std::size_t begin = skip(first);
    return std::string(text.substr(begin, skip(most) - begin));
}

bool is_space(char32_t c)
{
    return within(c, 9, 13) || within(c, 0x1c, 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           within(c, 0x2000, 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

bool is_word_character(char32_t c)
{
    if (c < 0x80)
        return within(c, 'a', 'z') || within(c, 'A', 'Z') || within(c, '0', '9') || c == '_';
    const bool other = c < 0xc0 ? c != 0xaa && c != 0xb5 && c != 0xba
                                : c == 0xd7 || c == 0xf7 || within(c, 0x2000, 0x206f) ||
                                      within(c, 0x20a0, 0x20cf) || within(c, 0x2190, 0x2bff) ||
                                      within(c, 0x3000, 0x3004) || within(c, 0x3008, 0x3020) ||
                                      within(c, 0xff00, 0xff0f) || within(c, 0x1f000, 0x1faff);
    return !other;
}

bool is_upper(char32_t c) { return to_lower(c) != c; }

char32_t to_lower(char32_t c)
{
    if (within(c, 'A', 'Z') || (within(c, 0xc0, 0xde) && c != 0xd7) || within(c, 0x391, 0x3a9) ||
        within(c, 0x410, 0x42f))
        return c + 32;
    if (within(c, 0x400, 0x40f))
        return c + 80;
    if (c == 0x178)
        return 0xff;
    return (is_paired(c) && c % 2 == 0) || (is_paired_from_odd(c) && c % 2 == 1) ? c + 1 : c;
}

char32_t to_upper(char32_t c)
{
    if (within(c, 'a', 'z') || (within(c, 0xe0, 0xfe) && c != 0xf7) ||
        (within(c, 0x3b1, 0x3c9) && c != 0x3c2) || within(c, 0x430, 0x44f))
        return c - 32;
    if (within(c, 0x450, 0x45f))
        return c - 80;
    if (c == 0xff)
        return 0x178;
    return (is_paired(c) && c % 2 == 1) || (is_paired_from_odd(c) && c % 2 == 0) ? c - 1 : c;
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view space = " \t\n\r\v\f";
    const std::size_t first = text.find_first_not_of(space);
    if (first == text.npos)
        return {};
    return text.substr(first, text.find_last_not_of(space) + 1 - first);
}

bool is_blank(std::string_view text) { return std::ranges::all_of(characters_of(text), is_space); }

} // namespace warmd::evaluation

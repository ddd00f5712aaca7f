#include "hf/text/utf8.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

struct prefix {
    std::size_t bytes; ///< of a whole character, or of the maximal part that could have begun one
                       ///< (at least 1)
    bool whole;
};

/// What is at the start of non-empty `bytes` (Unicode 15 §3.9, table 3-7).
prefix examine(std::string_view bytes) noexcept
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned char first = at(0);
    if (first < 0x80)
        return {1, true};
    if (first < 0xC2 || first > 0xF4)
        return {1, false};
    const std::size_t length = utf8_length(bytes[0]);
    const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes.size() < 2 || at(1) < low || at(1) > high)
        return {1, false};
    for (std::size_t i = 2; i < length; ++i)
        if (i >= bytes.size() || !is_utf8_continuation(bytes[i]))
            return {i, false};
    return {length, true};
}

} // namespace

std::size_t previous_character(std::string_view text, std::size_t end) noexcept
{
    do
        --end;
    while (end > 0 && is_utf8_continuation(text[end]));
    return end;
}

char32_t first_code_point(std::string_view text) noexcept
{
    const std::size_t length = utf8_length(text[0]);
    if (length == 1)
        return static_cast<unsigned char>(text[0]);
    char32_t code_point = static_cast<unsigned char>(text[0]) & (0xFFu >> (length + 1));
    for (char byte : text.substr(1, length - 1))
        code_point = code_point << 6 | (static_cast<unsigned char>(byte) & 0x3Fu);
    return code_point;
}

std::size_t code_points(std::string_view utf8) noexcept
{
    return static_cast<std::size_t>(std::ranges::count_if(
        utf8, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

void append_code_point(std::string& out, char32_t code_point)
{
    const auto continuation = [&](int shift) {
        out += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
    };
    if (code_point < 0x80) {
        out += static_cast<char>(code_point);
    } else if (code_point < 0x800) {
        out += static_cast<char>(0xC0 | code_point >> 6);
        continuation(0);
    } else if (code_point < 0x10000) {
        out += static_cast<char>(0xE0 | code_point >> 12);
        continuation(6);
        continuation(0);
    } else {
        out += static_cast<char>(0xF0 | code_point >> 18);
        continuation(12);
        continuation(6);
        continuation(0);
    }
}

bool is_valid_utf8(std::string_view bytes) noexcept
{
    while (!bytes.empty()) {
        const prefix p = examine(bytes);
        if (!p.whole)
            return false;
        bytes.remove_prefix(p.bytes);
    }
    return true;
}

bool ends_within_character(std::string_view bytes) noexcept
{
    std::size_t begin = bytes.size();
    while (begin != 0 && bytes.size() - begin < 3) {
        --begin;
        if (is_utf8_continuation(bytes[begin]))
            continue;
        const std::string_view last = bytes.substr(begin);
        const auto first = static_cast<unsigned char>(last[0]);
        return first >= 0xC2 && first <= 0xF4 && !examine(last).whole &&
               examine(last).bytes == last.size();
    }
    return false;
}

std::string to_valid_utf8(std::string_view bytes)
{
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const prefix p = examine(bytes);
        if (p.whole)
            out += bytes.substr(0, p.bytes);
        else
            out += "\xEF\xBF\xBD";
        bytes.remove_prefix(p.bytes);
    }
    return out;
}

} // namespace warmd::hf

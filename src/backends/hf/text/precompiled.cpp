#include "hf/text/precompiled.hpp"

#include "hf/text/characters.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/utf8.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace warmd::hf {

namespace {

/// Nothing, if it is not base64 (RFC 4648 §4, padded).
std::optional<std::string> from_base64(std::string_view text)
{
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() % 4 != 0)
        return {};
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    text.remove_suffix(padding);
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos)
            return {};
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes += static_cast<char>(bits >> held & 0xFF);
        }
    }
    return bytes;
}

std::uint32_t unit_at(std::string_view bytes, std::size_t index)
{
    std::uint32_t unit = 0;
    for (std::size_t i = 4; i-- > 0;)
        unit = unit << 8 | static_cast<unsigned char>(bytes[4 * index + i]);
    return unit;
}

// The fields of a unit of the double array.
constexpr std::uint32_t label(std::uint32_t unit) { return unit & 0x8000'00FF; }
constexpr bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
constexpr std::uint32_t value(std::uint32_t unit) { return unit & 0x7FFF'FFFF; }
constexpr std::uint32_t offset(std::uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

/// A character that breaks clusters as `c` does by the reference's tables, to this library's.
std::int32_t representative(char32_t c)
{
    constexpr std::int32_t combining = 0x300;
    const auto code = static_cast<std::int32_t>(c);
    const auto kind = utf8proc_get_property(code)->boundclass;
    const bool extends = kind == UTF8PROC_BOUNDCLASS_EXTEND || kind == UTF8PROC_BOUNDCLASS_ZWJ ||
                         kind == UTF8PROC_BOUNDCLASS_SPACINGMARK;
    if (extends == extends_grapheme(c))
        return code;
    return extends ? 'a' : combining;
}

/// Bytes of the grapheme cluster (UAX #29) that non-empty text begins with.
std::size_t grapheme_length(std::string_view text)
{
    std::size_t end = utf8_length(text[0]);
    std::int32_t last = representative(first_code_point(text));
    std::int32_t state = 0;
    while (end < text.size()) {
        const std::int32_t next = representative(first_code_point(text.substr(end)));
        if (utf8proc_grapheme_break_stateful(last, next, &state))
            break;
        end += utf8_length(text[end]);
        last = next;
    }
    return end;
}

} // namespace

precompiled::precompiled(const json_place& fields)
{
    const std::optional<std::string> bytes = from_base64(fields.text("precompiled_charsmap"));
    const std::size_t trie_bytes = bytes && bytes->size() >= 4 ? unit_at(*bytes, 0) : 0;
    const std::size_t units = trie_bytes / 4;
    if (units == 0 || 4 + 4 * units > bytes->size() ||
        !is_valid_utf8(std::string_view(*bytes).substr(4 + 4 * units))) {
        fields.wrong().add(errc::load_failed,
                           fields.place_of("precompiled_charsmap") +
                               " must be base64 of a trie's size, the trie, and UTF-8");
        return;
    }
    trie_.reserve(units);
    for (std::size_t i = 1; i <= units; ++i)
        trie_.push_back(unit_at(*bytes, i));
    replacements_ = bytes->substr(4 + 4 * units);
}

std::string precompiled::operator()(std::string_view text) const
{
    constexpr std::size_t longest_whole = 5;
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::string_view grapheme = text.substr(0, grapheme_length(text));
        text.remove_prefix(grapheme.size());
        const auto whole = grapheme.size() <= longest_whole ? replacement(grapheme) : std::nullopt;
        if (whole) {
            out += *whole;
        } else {
            for (std::size_t at = 0; at < grapheme.size(); at += utf8_length(grapheme[at])) {
                const std::string_view character = grapheme.substr(at, utf8_length(grapheme[at]));
                out += replacement(character).value_or(character);
            }
        }
        check_text_size(out.size());
    }
    return out;
}

/// What stands for the shortest text of the trie that `part` begins with. The trie is untrusted:
/// where it leads outside, nothing does.
std::optional<std::string_view> precompiled::replacement(std::string_view part) const
{
    std::size_t node = trie_.empty() ? 0 : offset(trie_[0]);
    for (const char c : part) {
        const auto byte = static_cast<unsigned char>(c);
        node ^= byte;
        if (byte == 0 || node >= trie_.size() || label(trie_[node]) != byte)
            return {};
        const std::uint32_t unit = trie_[node];
        node ^= offset(unit);
        if (!has_leaf(unit))
            continue;
        const std::size_t begin = node < trie_.size() ? value(trie_[node]) : replacements_.size();
        if (begin > replacements_.size() ||
            (begin < replacements_.size() && is_utf8_continuation(replacements_[begin])))
            return {};
        const std::size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
        return std::string_view(replacements_).substr(begin, end - begin);
    }
    return {};
}

} // namespace warmd::hf

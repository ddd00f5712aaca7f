#include <warmd/json_writer.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace warmd {

namespace {

/// How many bytes of `text` from `from` on need no escape: eight at a time.
std::size_t plain_run(std::string_view text, std::size_t from)
{
    constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    std::size_t at = from;
    for (std::uint64_t word; std::endian::native == std::endian::little && text.size() - at >= sizeof word; at += sizeof word) {
        std::memcpy(&word, text.data() + at, sizeof word);
        // The top bit of a byte below 0x20, '"' or '\\'; exact up to the first such byte (Warren, Hacker's Delight, §6-1).
        const auto is_zero = [](std::uint64_t v) { return (v - ones) & ~v; };
        const std::uint64_t special = ((word - ones * 0x20) & ~word) | is_zero(word ^ (ones * '"')) | is_zero(word ^ (ones * '\\'));
        if ((special & tops) != 0)
            return at - from + static_cast<std::size_t>(std::countr_zero(special & tops)) / 8;
    }
    while (at != text.size() && static_cast<unsigned char>(text[at]) >= 0x20 && text[at] != '"' && text[at] != '\\')
        ++at;
    return at - from;
}

} // namespace

void append_quoted(std::string& out, std::string_view text)
{
    static constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (std::size_t i = 0;; ++i) {
        const std::size_t run = plain_run(text, i);
        out.append(text, i, run);
        if ((i += run) == text.size())
            break;
        const unsigned char c = static_cast<unsigned char>(text[i]);
        out += '\\';
        switch (c) {
        case '"': out += '"'; break;
        case '\\': out += '\\'; break;
        case '\n': out += 'n'; break;
        case '\r': out += 'r'; break;
        case '\t': out += 't'; break;
        default:
            out += "u00";
            out += hex[c >> 4];
            out += hex[c & 15];
        }
    }
    out += '"';
}

} // namespace warmd

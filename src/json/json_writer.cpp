#include <warmd/json_writer.hpp>

#include "json/plain_text.hpp"
#include "json/utf8_text.hpp"

#include <algorithm>

namespace warmd {

namespace {

constexpr char hex[] = "0123456789abcdef";

/// Bytes of the character beyond ASCII that `text` begins with (RFC 3629 §4); 0 if it is none.
std::size_t utf8_length(std::string_view text)
{
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned first = byte(0);
    const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length == 0 || first > 0xF4)
        return 0;
    for (std::size_t i = 1; i != length; ++i)
        if (byte(i) >> 6 != 2)
            return 0;
    const unsigned second = byte(1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second > 0x9F;
    return overlong || surrogate || (first == 0xF4 && second > 0x8F) ? 0 : length;
}

} // namespace

std::string as_utf8(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i != text.size();) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        const std::size_t length = c < 0x80 ? 1 : utf8_length(text.substr(i));
        if (length == 0)
            (out += "\\x") += {hex[c >> 4], hex[c & 15]};
        else
            out.append(text, i, length);
        i += std::max<std::size_t>(length, 1);
    }
    return out;
}

void append_quoted(std::string& out, std::string_view text)
{
    out += '"';
    for (std::size_t i = 0;; ++i) {
        const std::size_t run = plain_run<true>(text.substr(i));
        out.append(text, i, run);
        if ((i += run) == text.size())
            break;
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if (c >= 0x80) {
            if (const std::size_t length = utf8_length(text.substr(i)); length != 0) {
                out.append(text, i, length);
                i += length - 1;
            } else {
                (out += "\\\\x") += {hex[c >> 4], hex[c & 15]};
            }
            continue;
        }
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

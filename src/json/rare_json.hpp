#pragma once
// The parts of JSON that are rare in requests, and are read out of line: strings with escapes or
// beyond ASCII, numbers with a fraction, an exponent or many digits.

#include "json/plain_text.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace warmd {

/// Every step is told where it begins and says where it ended; null: the text is not JSON (RFC
/// 8259).
class rare_reader {
public:
    explicit rare_reader(std::string_view text) : end_(text.data() + text.size()) {}

    /// A string from behind its opening quote to its closing one; with escapes it is put together
    /// at the end of `unescaped`.
    const char* read_string(const char* start, std::string& unescaped, bool& escaped)
    {
        const char* copied = start; // up to there
        const char* at = start;
        for (; peek(at) != '"'; at += plain_run<true>({at, end_})) {
            if (static_cast<unsigned char>(peek(at)) >= 0x80) {
                at = skip_character(at);
            } else if (peek(at) == '\\') {
                unescaped.append(copied, at);
                at = copied = read_escape(at + 1, unescaped);
            } else if (static_cast<unsigned char>(peek(at)) < 0x20) {
                return nullptr;
            }
            if (!at)
                return nullptr;
        }
        escaped = copied != start;
        if (escaped)
            unescaped.append(copied, at);
        return at;
    }

    /// From behind the whole digits of a number to its end.
    const char* skip_fraction_and_exponent(const char* at) const
    {
        if (peek(at) == '.')
            at = skip_digits(at + 1);
        if (at && (peek(at) == 'e' || peek(at) == 'E')) {
            ++at;
            at = skip_digits(peek(at) == '+' || peek(at) == '-' ? at + 1 : at);
        }
        return at;
    }

private:
    /// The byte there; NUL, which can stand nowhere, at the end.
    char peek(const char* at) const { return at != end_ ? *at : '\0'; }
    const char* skip_digits(const char* at) const
    {
        const char* const start = at;
        while (peek(at) >= '0' && peek(at) <= '9')
            ++at;
        return at == start ? nullptr : at;
    }

    /// One character beyond ASCII, as UTF-8 has them (RFC 3629 §4).
    const char* skip_character(const char* at) const
    {
        const auto byte = [&](std::ptrdiff_t i) {
            return end_ - at > i ? static_cast<unsigned char>(at[i]) : 0U;
        };
        const auto within = [&](std::ptrdiff_t i, unsigned low, unsigned high) {
            return byte(i) >= low && byte(i) <= high;
        };
        const unsigned first = byte(0);
        const std::ptrdiff_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        // Neither overlong, nor a surrogate, nor too large.
        const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        bool sound = within(0, 0xC2, 0xF4) && within(1, low, high);
        for (std::ptrdiff_t i = 2; i < length; ++i)
            sound = sound && within(i, 0x80, 0xBF);
        return sound ? at + length : nullptr;
    }

    /// From behind the backslash.
    const char* read_escape(const char* at, std::string& to) const
    {
        static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        if (peek(at) == 'u')
            return read_code_point(at + 1, to);
        const std::size_t which = letters.find(peek(at));
        if (which == letters.npos)
            return nullptr;
        to += meanings[which];
        return at + 1;
    }

    const char* read_code_point(const char* at, std::string& to) const
    {
        std::uint32_t code = 0, low = 0;
        at = read_hex(at, code);
        if (!at || (code >= 0xDC00 && code <= 0xDFFF))
            return nullptr;
        if (code >= 0xD800 && code <= 0xDBFF) {
            at = std::string_view(at, end_).starts_with("\\u") ? read_hex(at + 2, low) : nullptr;
            if (!at || low < 0xDC00 || low > 0xDFFF)
                return nullptr;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(to, code);
        return at;
    }

    const char* read_hex(const char* at, std::uint32_t& code) const
    {
        constexpr std::ptrdiff_t digits = 4;
        return end_ - at >= digits && std::from_chars(at, at + digits, code, 16).ptr == at + digits
                   ? at + digits
                   : nullptr;
    }

    static void append_utf8(std::string& to, std::uint32_t code)
    {
        const auto put = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
        const auto put_rest = [&](unsigned shift) { put(0x80 | (code >> shift & 0x3F)); };
        if (code < 0x80) {
            put(code);
        } else if (code < 0x800) {
            put(0xC0 | code >> 6), put_rest(0);
        } else if (code < 0x10000) {
            put(0xE0 | code >> 12), put_rest(6), put_rest(0);
        } else {
            put(0xF0 | code >> 18), put_rest(12), put_rest(6), put_rest(0);
        }
    }

    const char* end_;
};

/// The nearest double; 0 or infinity for what no double is near.
inline double real_of(std::string_view literal)
{
    double number = 0;
    if (std::from_chars(literal.data(), literal.data() + literal.size(), number).ec != std::errc())
        number = std::strtod(std::string(literal).c_str(), nullptr);
    return number;
}

} // namespace warmd

#include "chat/lexer.hpp"
#include "chat/unicode.hpp"

#include <charconv>

namespace warmd::chat {

namespace {

[[noreturn]] void bad(const char* what, std::size_t line)
{
    fail(template_fault::syntax, what, line);
}

void append_code(std::string& to, std::uint32_t code, std::size_t line)
{
    if (code > 0x10FFFF)
        bad("illegal Unicode character", line);
    if (code >= 0xD800 && code <= 0xDFFF)
        bad("half of a surrogate pair is no text", line);
    unicode::append(to, static_cast<char32_t>(code));
}

// \x41, \u00e9, \U0001F600: `at` is behind the letter.
void append_hex(std::string& to, std::string_view inside, std::size_t& at, char letter,
                std::size_t line)
{
    const std::size_t size = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
    std::uint32_t code = 0;
    const std::string_view digits = inside.substr(at, size);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + size)
        bad(letter == 'x'   ? "truncated \\xXX escape"
            : letter == 'u' ? "truncated \\uXXXX escape"
                            : "truncated \\UXXXXXXXX escape",
            line);
    at += size;
    append_code(to, code, line);
}

} // namespace

std::string unescaped(std::string_view inside, std::size_t line)
{
    constexpr std::string_view letters = "\\'\"abfnrtv", meant = "\\'\"\a\b\f\n\r\t\v";
    std::string text;
    for (std::size_t at = 0; at < inside.size();) {
        if (inside[at] != '\\' || at + 1 == inside.size()) {
            text += inside[at++];
            continue;
        }
        const char letter = inside[++at];
        ++at;
        if (const std::size_t known = letters.find(letter); known != std::string_view::npos) {
            text += meant[known];
        } else if (letter == '\n') { // the line goes on
        } else if (letter >= '0' && letter <= '7') {
            auto code = static_cast<std::uint32_t>(letter - '0');
            for (int more = 0;
                 more < 2 && at < inside.size() && inside[at] >= '0' && inside[at] <= '7'; ++more)
                code = code * 8 + static_cast<std::uint32_t>(inside[at++] - '0');
            append_code(text, code, line);
        } else if (letter == 'x' || letter == 'u' || letter == 'U') {
            append_hex(text, inside, at, letter, line);
        } else if (letter == 'N') {
            bad("names of characters (\\N{…}) are not supported", line);
        } else if (static_cast<unsigned char>(letter) < 0x80) {
            text += '\\';
            text += letter;
        } else { // Jinja decodes by way of ASCII: the backslash meets another, and both are text
            --at;
            const char32_t code = unicode::next(inside, at);
            char digits[16];
            const char* pattern = code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x";
            std::snprintf(digits, sizeof digits, pattern, static_cast<unsigned>(code));
            text += digits;
        }
    }
    return text;
}

} // namespace warmd::chat

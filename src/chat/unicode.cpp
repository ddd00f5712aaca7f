#include "chat/unicode.hpp"

#include "chat/unicode_tables.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace warmd::chat::unicode {

namespace {

utf8proc_category_t category(char32_t code)
{
    return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

template <std::size_t N>
bool is_in(const code_range (&ranges)[N], char32_t code)
{
    const auto* at = std::lower_bound(
        std::begin(ranges), std::end(ranges), code,
        [](const code_range& range, char32_t wanted) { return range.last < wanted; });
    return at != std::end(ranges) && at->first <= code;
}

template <std::size_t N>
std::u32string_view mapped(const long_mapping (&mappings)[N], char32_t code)
{
    const auto* at = std::lower_bound(
        std::begin(mappings), std::end(mappings), code,
        [](const long_mapping& each, char32_t wanted) { return each.from < wanted; });
    return at != std::end(mappings) && at->from == code ? at->to : std::u32string_view();
}

void append_all(std::string& to, std::u32string_view codes)
{
    for (const char32_t code : codes)
        append(to, code);
}

bool is_case_ignorable(char32_t code)
{
    switch (category(code)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
    }
    constexpr std::u32string_view marks = U"'.:^`\u00A8\u00AD\u00AF\u00B4\u00B7\u00B8\u0387\u055F"
                                          U"\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55"
                                          U"\uFF07\uFF0E\uFF1A";
    return marks.find(code) != std::u32string_view::npos;
}

// SpecialCasing.txt, Final_Sigma: a cased letter stands before it and none after it, whatever marks
// stand between.
bool is_final_sigma(std::string_view text, std::size_t at)
{
    bool after_letter = false;
    for (std::size_t back = at; back > 0 && !after_letter;) {
        back = before(text, back);
        std::size_t end = back;
        const char32_t code = next(text, end);
        if (!is_case_ignorable(code)) {
            after_letter = is_cased(code);
            break;
        }
    }
    if (!after_letter)
        return false;
    std::size_t ahead = at;
    next(text, ahead);
    while (ahead < text.size()) {
        const char32_t code = next(text, ahead);
        if (!is_case_ignorable(code))
            return !is_cased(code);
    }
    return true;
}

} // namespace

std::size_t count(std::string_view text)
{
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

std::size_t offset(std::string_view text, std::size_t index)
{
    std::size_t at = 0;
    for (; index > 0 && at < text.size(); --index)
        at += size_from(text[at]);
    return at;
}

char32_t next(std::string_view text, std::size_t& at)
{
    const auto byte = [&](std::size_t i) {
        return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
    };
    const std::size_t size = size_from(text[at]);
    char32_t code = byte(at);
    if (size > 1)
        code &= 0x7Fu >> size;
    for (std::size_t i = 1; i < size; ++i)
        code = code << 6 | (byte(at + i) & 0x3F);
    at += size;
    return code;
}

std::size_t before(std::string_view text, std::size_t at)
{
    do
        --at;
    while ((text[at] & 0xC0) == 0x80);
    return at;
}

bool is_valid(std::string_view text)
{
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    for (std::size_t at = 0; at < text.size();) {
        if (static_cast<unsigned char>(text[at]) < 0x80) {
            ++at;
            continue;
        }
        utf8proc_int32_t code = 0;
        const utf8proc_ssize_t size =
            utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
        if (size <= 0)
            return false;
        at += static_cast<std::size_t>(size);
    }
    return true;
}

bool is_space(char32_t code)
{
    return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 ||
           code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_line_break(char32_t code)
{
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

bool is_printable(char32_t code)
{
    switch (category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_ZS: return code == U' ';
    default: return true;
    }
}

bool is_alpha(char32_t code)
{
    const utf8proc_category_t of = category(code);
    return of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t code) { return category(code) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t code) { return is_decimal(code) || is_in(digits_beside_decimals, code); }

bool is_numeric(char32_t code)
{
    const utf8proc_category_t of = category(code);
    return of == UTF8PROC_CATEGORY_ND || of == UTF8PROC_CATEGORY_NL || of == UTF8PROC_CATEGORY_NO ||
           is_in(numeric_letters, code);
}

bool is_upper(char32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_LU || is_in(other_upper, code);
}

bool is_lower(char32_t code)
{
    return category(code) == UTF8PROC_CATEGORY_LL || is_in(other_lower, code);
}

bool is_title(char32_t code) { return category(code) == UTF8PROC_CATEGORY_LT; }

bool is_cased(char32_t code) { return is_upper(code) || is_lower(code) || is_title(code); }

bool is_identifier_start(char32_t code)
{
    return code == U'_' || is_alpha(code) || category(code) == UTF8PROC_CATEGORY_NL;
}

bool is_identifier_part(char32_t code)
{
    const utf8proc_category_t of = category(code);
    return is_identifier_start(code) || of == UTF8PROC_CATEGORY_MN || of == UTF8PROC_CATEGORY_MC ||
           of == UTF8PROC_CATEGORY_ND || of == UTF8PROC_CATEGORY_PC;
}

// Decimal digits come in runs of ten, from 0 to 9.
int decimal_value(char32_t code)
{
    if (code >= 0x1D7CE && code <= 0x1D7FF) // five runs without a gap
        return static_cast<int>((code - 0x1D7CE) % 10);
    int digits = 0;
    while (is_decimal(code - static_cast<char32_t>(digits) - 1) && digits < 9)
        ++digits;
    return digits;
}

void append_upper(std::string& to, char32_t code)
{
    if (code < 0x80)
        to += static_cast<char>(code >= U'a' && code <= U'z' ? code - 32 : code);
    else if (const auto longer = mapped(long_upper, code); !longer.empty())
        append_all(to, longer);
    else
        append(to, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code))));
}

void append_title(std::string& to, char32_t code)
{
    if (code < 0x80)
        append_upper(to, code);
    else if (const auto longer = mapped(long_title, code); !longer.empty())
        append_all(to, longer);
    else
        append(to, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(code))));
}

void append_lower(std::string& to, std::string_view text, std::size_t at)
{
    std::size_t end = at;
    const char32_t code = next(text, end);
    if (code < 0x80)
        to += static_cast<char>(code >= U'A' && code <= U'Z' ? code + 32 : code);
    else if (code == 0x0130)
        append_all(to, U"i\u0307");
    else if (code == 0x03A3)
        append(to, is_final_sigma(text, at) ? U'\u03C2' : U'\u03C3');
    else
        append(to, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
}

void append_folded(std::string& to, char32_t code)
{
    utf8proc_int32_t folded[8];
    const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code),
                                                           folded, 8, UTF8PROC_CASEFOLD, nullptr);
    for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, 8); ++i)
        append(to, static_cast<char32_t>(folded[i]));
}

std::string_view left_stripped(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        if (!is_space(next(text, end)))
            return text.substr(at);
        at = end;
    }
    return {};
}

std::string_view right_stripped(std::string_view text)
{
    for (std::size_t at = text.size(); at > 0;) {
        const std::size_t begin = before(text, at);
        std::size_t end = begin;
        if (!is_space(next(text, end)))
            return text.substr(0, at);
        at = begin;
    }
    return {};
}

std::string_view stripped(std::string_view text) { return right_stripped(left_stripped(text)); }

} // namespace warmd::chat::unicode

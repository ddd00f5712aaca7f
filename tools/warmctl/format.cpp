#include "warmctl/format.hpp"

#include <warmd/json_writer.hpp>

#include <boost/json.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <utility>

namespace warmd::ctl {

namespace {

[[gnu::format(printf, 1, 2)]] std::string print(const char* format, ...)
{
    std::array<char, 400> out; // the longest double, 1e308 with %.1f, has 311 characters
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(out.data(), out.size(), format, arguments);
    va_end(arguments);
    return out.data();
}

} // namespace

std::string human_bytes(double bytes)
{
    static constexpr std::array units{"kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000)
        return print("%.0f B", bytes);
    std::size_t unit = 0;
    // 999.95 kB would print as 1000.0 kB
    for (bytes /= 1000; bytes >= 999.95 && unit + 1 != units.size(); bytes /= 1000)
        ++unit;
    return print("%.1f %s", bytes, units[unit]);
}

std::string human_seconds(double seconds)
{
    if (seconds == 0)
        return "0 s";
    if (seconds < 0.9995)
        return print("%.1f ms", seconds * 1000);
    if (seconds < 59.95)
        return print("%.1f s", seconds);
    const double minutes = std::floor(std::round(seconds) / 60);
    if (minutes < 60)
        return print("%.0f min %.0f s", minutes, std::round(seconds) - 60 * minutes);
    const double hours = std::floor(minutes / 60);
    if (hours < 48)
        return print("%.0f h %.0f min", hours, minutes - 60 * hours);
    return print("%.0f d %.0f h", std::floor(hours / 24), std::fmod(hours, 24));
}

std::string human_time(double unix_seconds)
{
    const double whole = std::floor(unix_seconds);
    const auto seconds =
        static_cast<std::time_t>(std::clamp(whole, 0.0, 1e11)); // up to the year 5138
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 32> out;
    std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M:%S", &local);
    return out.data() + print(".%03d", static_cast<int>((unix_seconds - whole) * 1000));
}

std::string human_number(double number)
{
    const double size = std::abs(number);
    return size != 0 && (size < 0.001 || size >= 1e6) ? print("%.2e", number)
                                                      : print("%.4f", number);
}

namespace {

struct character {
    utf8proc_int32_t code; ///< below 0: the first byte is no part of a UTF-8 character
    std::string_view bytes;
};

/// REQUIRES: `text` is not empty.
character first_character(std::string_view text)
{
    utf8proc_int32_t code = -1;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                    static_cast<utf8proc_ssize_t>(text.size()), &code);
    return n > 0 ? character{code, text.substr(0, static_cast<std::size_t>(n))}
                 : character{-1, text.substr(0, 1)};
}

bool harmless(utf8proc_int32_t code)
{
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CC: // controls
    case UTF8PROC_CATEGORY_CF: // direction marks, zero width
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    default: return true;
    }
}

std::string escaped(const character& c)
{
    switch (c.code) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
    }
    if (c.code < 0)
        return print("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c.bytes.front())));
    return print(c.code < 0x100 ? "\\x%02x" : "\\u{%x}", static_cast<unsigned>(c.code));
}

/// Terminal columns that `text` fills. REQUIRES: visible() text.
std::size_t width(std::string_view text)
{
    std::size_t columns = 0;
    while (!text.empty()) {
        const character c = first_character(text);
        columns += static_cast<std::size_t>(std::max(utf8proc_charwidth(c.code), 0));
        text.remove_prefix(c.bytes.size());
    }
    return columns;
}

} // namespace

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        const character c = first_character(text);
        if (c.code < 0)
            return false;
        text.remove_prefix(c.bytes.size());
    }
    return true;
}

std::string visible(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        const character c = first_character(text);
        if (c.code >= 0 && harmless(c.code))
            out += c.bytes;
        else
            out += escaped(c);
        text.remove_prefix(c.bytes.size());
    }
    return out;
}

std::string quoted(std::string_view text, std::size_t columns)
{
    std::string out = "\"";
    std::size_t filled = 2; // the quotes
    while (!text.empty()) {
        const character c = first_character(text);
        const std::string shown =
            c.bytes == "\"" || c.bytes == "\\" ? '\\' + std::string(c.bytes) : visible(c.bytes);
        text.remove_prefix(c.bytes.size());
        filled += width(shown);
        if (filled + (text.empty() ? 0 : 1) > columns)
            return out + "…\"";
        out += shown;
    }
    return out + '"';
}

namespace {

/// Of a line that is visible().
void wrap(std::vector<std::string>& to, std::string_view line, std::size_t columns)
{
    do {
        std::size_t end = 0, filled = 0; // of what fits
        while (end != line.size()) {
            const character c = first_character(line.substr(end));
            filled += width(c.bytes);
            if (filled > columns && end != 0)
                break;
            end += c.bytes.size();
        }
        const std::size_t space = end == line.size() ? line.npos : line.rfind(' ', end);
        if (space != line.npos && space != 0)
            end = space;
        to.emplace_back(line.substr(0, end));
        line.remove_prefix(end);
        if (line.starts_with(' '))
            line.remove_prefix(1);
    } while (!line.empty());
}

} // namespace

std::vector<std::string> wrapped(std::string_view text, std::size_t columns)
{
    std::vector<std::string> lines;
    for (std::size_t end = 0; end != text.npos;) {
        end = text.find('\n');
        wrap(lines, visible(text.substr(0, end)), columns);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return lines;
}

namespace {

void write(json_writer& writer, const json::value& value)
{
    switch (value.kind()) {
    case json::kind::object:
        writer.begin_object();
        for (const auto& [name, member] : value.get_object()) {
            writer.key(name);
            write(writer, member);
        }
        writer.end_object();
        return;
    case json::kind::array:
        writer.begin_array();
        for (const json::value& element : value.get_array())
            write(writer, element);
        writer.end_array();
        return;
    case json::kind::string: writer.value(std::string_view(value.get_string())); return;
    case json::kind::bool_: writer.value(value.get_bool()); return;
    case json::kind::int64: writer.value(value.get_int64()); return;
    case json::kind::uint64: writer.value(value.get_uint64()); return;
    case json::kind::double_: writer.value(value.get_double()); return;
    case json::kind::null: writer.value(nullptr); return;
    }
}

} // namespace

std::string json_text(const json::value& value)
{
    std::string out;
    json_writer writer(out);
    write(writer, value);
    return out;
}

table::table(std::vector<column> columns) : columns_(std::move(columns))
{
    std::vector<std::string> headers;
    for (const column& c : columns_)
        headers.push_back(c.header);
    if (std::any_of(headers.begin(), headers.end(),
                    [](const std::string& header) { return !header.empty(); }))
        rows_.push_back(std::move(headers));
}

void table::row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::string table::text(std::string_view indent) const
{
    std::vector<std::size_t> widths(columns_.size());
    for (const auto& cells : rows_)
        for (std::size_t i = 0; i != widths.size(); ++i)
            widths[i] = std::max(widths[i], width(cells[i]));
    std::string out;
    for (const auto& cells : rows_) {
        out += indent;
        for (std::size_t i = 0; i != widths.size(); ++i) {
            const std::string space(widths[i] - width(cells[i]), ' ');
            out += columns_[i].to == align::right ? space + cells[i] : cells[i] + space;
            out += "  ";
        }
        out.erase(out.find_last_not_of(' ') + 1);
        out += '\n';
    }
    return out;
}

} // namespace warmd::ctl

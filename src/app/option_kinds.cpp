#include "app/option_kinds.hpp"

#include "base/machine.hpp"
#include "server/loopback_listener.hpp"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>
#include <vector>

namespace warmd {

std::uint64_t share_of_memory(double percent)
{
    return static_cast<std::uint64_t>(static_cast<double>(memory_limit()) * percent / 100);
}

namespace {

/// A number at the start of `text`, not negative; what follows it stays in `text`.
std::optional<double> take_number(std::string_view& text)
{
    double number = 0;
    const auto [end, trouble] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (trouble != std::errc() || !(number >= 0) || !std::isfinite(number))
        return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

std::optional<std::size_t> read_count(std::string_view text)
{
    std::size_t number = 0;
    const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
    return trouble == std::errc() && end == text.data() + text.size() && number >= 1
               ? std::optional(number)
               : std::nullopt;
}

std::optional<std::size_t> read_threads(std::string_view text)
{
    const auto number = read_count(text);
    return number && *number <= 1024 ? number : std::nullopt;
}

std::optional<std::chrono::nanoseconds> read_duration(std::string_view text)
{
    constexpr double longest =
        1e9; // seconds: 31 years, far from overflowing a count of nanoseconds
    const auto number = take_number(text);
    const double unit = text == "ms"                  ? 1e-3
                        : text.empty() || text == "s" ? 1
                        : text == "m"                 ? 60
                        : text == "h"                 ? 3600
                                                      : 0;
    if (!number || unit == 0 || *number * unit > longest)
        return {};
    return std::chrono::nanoseconds(std::llround(*number * unit * 1e9));
}

std::optional<std::chrono::nanoseconds> read_positive_duration(std::string_view text)
{
    const auto time = read_duration(text);
    return time && time->count() > 0 ? time : std::nullopt;
}

/// Shorter, and there are steps for nothing; longer, and nobody gets a word in.
std::optional<std::chrono::nanoseconds> read_step_time(std::string_view text)
{
    const auto time = read_duration(text);
    return time && *time >= std::chrono::milliseconds(5) && *time <= std::chrono::seconds(1)
               ? time
               : std::nullopt;
}

std::string show_step_time(std::chrono::nanoseconds time)
{
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
           "ms";
}

std::string show_duration(std::chrono::nanoseconds time)
{
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
    if (seconds == 0)
        return "off";
    return seconds % 60 == 0 ? std::to_string(seconds / 60) + 'm' : std::to_string(seconds) + 's';
}

std::optional<std::uint64_t> read_size(std::string_view text)
{
    const auto number = take_number(text);
    const double unit = text.empty()  ? 1
                        : text == "K" ? 0x1p10
                        : text == "M" ? 0x1p20
                        : text == "G" ? 0x1p30
                        : text == "T" ? 0x1p40
                                      : 0;
    if (!number || unit == 0 || *number * unit >= 0x1p63)
        return {};
    return static_cast<std::uint64_t>(*number * unit);
}

std::optional<std::size_t> read_frame_size(std::string_view text)
{
    const auto size = read_size(text);
    return size && *size >= 1024 ? size : std::nullopt;
}

std::optional<std::uint64_t> read_budget(std::string_view text)
{
    if (text == "off")
        return 0;
    if (!text.ends_with('%'))
        return read_size(text);
    const auto percent = take_number(text);
    if (!percent || text != "%" || *percent <= 0 || *percent > 100)
        return {};
    return share_of_memory(*percent);
}

std::string show_size(std::uint64_t size)
{
    return size == 0 ? "off" : std::to_string(size >> 20) + 'M';
}

std::optional<std::string> read_path(std::string_view text)
{
    if (text.empty())
        return {};
    return std::filesystem::absolute(text).lexically_normal();
}

/// A user's or a group's number; the largest one means "no change" to the system.
std::optional<unsigned> read_id(std::string_view text)
{
    unsigned number = 0;
    const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool read = trouble == std::errc() && end == text.data() + text.size();
    return read && number != std::numeric_limits<unsigned>::max() ? std::optional(number)
                                                                  : std::nullopt;
}

/// A directory that exists, without symbolic links, as it is now.
std::optional<std::string> read_root(std::string_view text)
{
    std::error_code ec;
    const auto real = std::filesystem::canonical(std::filesystem::path(text), ec);
    return ec || !std::filesystem::is_directory(real, ec) ? std::nullopt
                                                          : std::optional(real.native());
}

std::optional<unsigned> read_mode(std::string_view text)
{
    unsigned mode = 0;
    const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    const bool read = trouble == std::errc() && end == text.data() + text.size();
    return read && mode <= 0777 && (mode & 0600) == 0600 ? std::optional(mode) : std::nullopt;
}

std::string show_mode(unsigned mode)
{
    std::ostringstream text;
    text << '0' << std::oct << mode;
    return text.str();
}

/// A number, or a name that the system knows.
std::optional<uid_t> read_user(std::string_view text)
{
    if (const auto number = read_id(text))
        return number;
    std::vector<char> space(1 << 16);
    passwd entry{}, *found = nullptr;
    ::getpwnam_r(std::string(text).c_str(), &entry, space.data(), space.size(), &found);
    return found ? std::optional(found->pw_uid) : std::nullopt;
}

std::optional<gid_t> read_group(std::string_view text)
{
    if (const auto number = read_id(text))
        return number;
    std::vector<char> space(1 << 16);
    group entry{}, *found = nullptr;
    ::getgrnam_r(std::string(text).c_str(), &entry, space.data(), space.size(), &found);
    return found ? std::optional(found->gr_gid) : std::nullopt;
}

std::optional<std::string> read_origin(std::string_view text)
{
    const std::size_t scheme = text.find("://");
    const bool one = scheme != text.npos && scheme != 0 && text.size() > scheme + 3 &&
                     text.find_first_of("/ *,", scheme + 3) == text.npos;
    return one ? std::optional<std::string>(text) : std::nullopt;
}

template <class T, std::size_t n>
std::optional<T> word(std::string_view text, const std::string_view (&words)[n])
{
    const auto* const found = std::find(words, words + n, text);
    return found == words + n ? std::nullopt : std::optional(static_cast<T>(found - words));
}

std::optional<log_level> read_level(std::string_view text)
{
    return word<log_level>(text, {"debug", "info", "warning", "error"});
}
std::optional<log_format> read_format(std::string_view text)
{
    return word<log_format>(text, {"text", "json"});
}

} // namespace

const kind<std::size_t> count_kind{"N", "a whole number, at least 1", read_count,
                                   [](std::size_t n) { return std::to_string(n); }};
const kind<std::size_t> models_kind{"N", "a whole number, at least 1: max_size must be >= 1",
                                    read_count, [](std::size_t n) { return std::to_string(n); }};
const kind<std::size_t> threads_kind{"N", "a whole number from 1 to 1024", read_threads,
                                     [](std::size_t n) { return std::to_string(n); }};
const kind<std::size_t> load_threads_kind{
    "N", "a whole number from 1 to 1024", read_threads,
    [](std::size_t) -> std::string { return "by models and cores"; }};
const kind<std::chrono::nanoseconds> duration_kind{"T", "a time such as 90, 500ms, 30s, 10m or 2h",
                                                   read_duration, show_duration};
const kind<std::chrono::nanoseconds> positive_duration_kind{
    "T", "a time above 0, such as 500ms, 30s, 10m or 2h", read_positive_duration, show_duration};
const kind<std::chrono::nanoseconds> step_kind{"T", "a time from 5ms to 1s", read_step_time,
                                               show_step_time};
const kind<std::size_t> frame_kind{"SIZE", "a size such as 64K or 16M, at least 1K",
                                   read_frame_size, show_size};
const kind<std::uint64_t> budget_kind{
    "SIZE",
    "off, a size such as 512M or 8G, or a share such as 50% of the memory this process may use",
    read_budget, show_size};
const kind<std::string> path_kind{"PATH", "a path", read_path,
                                  [](std::string path) { return path; }};
const kind<std::string> config_kind{"PATH", "a path", read_path,
                                    [](std::string) -> std::string { return "none"; }};
const kind<unsigned> mode_kind{
    "MODE", "an octal mode that lets its owner read and write, such as 0600 or 0660", read_mode,
    show_mode};
const kind<uid_t> user_kind{"USER", "a user's name or number", read_user, nullptr};
const kind<gid_t> group_kind{"GROUP", "a group's name or number", read_group, nullptr};
const kind<tcp_address> tcp_kind{
    "ADDRESS", "a loopback address and a port, such as 127.0.0.1:8080 or [::1]:8080",
    parse_tcp_address, nullptr};
const kind<std::string> origin_kind{"ORIGIN", "an origin such as http://localhost:3000",
                                    read_origin, nullptr};
const kind<std::string> root_kind{"DIR", "a directory that exists", read_root, nullptr};
const kind<log_level> level_kind{"LEVEL", "debug, info, warning or error", read_level,
                                 [](log_level) -> std::string { return "info"; }};
const kind<log_format> format_kind{"FORM", "text or json", read_format,
                                   [](log_format) -> std::string { return "text"; }};

} // namespace warmd

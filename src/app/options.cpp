#include "app/options.hpp"

#include <warmd/json.hpp>

#include "base/machine.hpp"

#include <boost/program_options.hpp>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>

namespace warmd {

namespace {

namespace po = boost::program_options;

struct usage_error {
    std::string text;
};
struct file_error {
    std::string text;
};
/// What is wrong with the value of an option, to follow the option's name.
struct value_error {
    std::string option;
    std::string text;
};

// Kinds of value: how one is read, what it must be, how a default is shown ---

/// One kind of option value. `read`: nothing if the text is none.
template <class T>
struct kind {
    const char* symbol;
    const char* wanted;
    std::optional<T> (*read)(std::string_view);
    std::string (*show)(T);
};

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

/// Of what this process may use.
std::uint64_t share_of_memory(double percent)
{
    return static_cast<std::uint64_t>(static_cast<double>(memory_limit()) * percent / 100);
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

constexpr kind<std::size_t> count_kind{"N", "a whole number, at least 1", read_count,
                                       [](std::size_t n) { return std::to_string(n); }};
constexpr kind<std::size_t> models_kind{"N", "a whole number, at least 1: max_size must be >= 1",
                                        read_count,
                                        [](std::size_t n) { return std::to_string(n); }};
constexpr kind<std::size_t> threads_kind{"N", "a whole number from 1 to 1024", read_threads,
                                         [](std::size_t n) { return std::to_string(n); }};
constexpr kind<std::size_t> load_threads_kind{
    "N", threads_kind.wanted, read_threads,
    [](std::size_t) -> std::string { return "max-loaded-models"; }};
constexpr kind<std::chrono::nanoseconds> duration_kind{
    "T", "a time such as 90, 500ms, 30s, 10m or 2h", read_duration, show_duration};
constexpr kind<std::chrono::nanoseconds> positive_duration_kind{
    "T", "a time above 0, such as 500ms, 30s, 10m or 2h", read_positive_duration, show_duration};
constexpr kind<std::size_t> frame_kind{"SIZE", "a size such as 64K or 16M, at least 1K",
                                       read_frame_size, show_size};
constexpr kind<std::uint64_t> budget_kind{
    "SIZE",
    "off, a size such as 512M or 8G, or a share such as 50% of the memory this process may use",
    read_budget, show_size};
constexpr kind<std::string> path_kind{"PATH", "a path", read_path,
                                      [](std::string path) { return path; }};
constexpr kind<std::string> config_kind{"PATH", "a path", read_path,
                                        [](std::string) -> std::string { return "none"; }};
constexpr kind<unsigned> mode_kind{
    "MODE", "an octal mode that lets its owner read and write, such as 0600 or 0660", read_mode,
    show_mode};
constexpr kind<uid_t> user_kind{"USER", "a user's name or number", read_user, nullptr};
constexpr kind<gid_t> group_kind{"GROUP", "a group's name or number", read_group, nullptr};
constexpr kind<std::string> root_kind{"DIR", "a directory that exists", read_root, nullptr};
constexpr kind<log_level> level_kind{"LEVEL", "debug, info, warning or error", read_level,
                                     [](log_level) -> std::string { return "info"; }};
constexpr kind<log_format> format_kind{"FORM", "text or json", read_format,
                                       [](log_format) -> std::string { return "text"; }};

// The options ------------------------------------------------------------

/// Reads one text as a `kind`.
template <class T>
T value_of(const char* name, const kind<T>& what, const std::string& text)
{
    auto value = what.read(text);
    if (!value)
        throw value_error{name, " is '" + shortened(text) + "'; it must be " + what.wanted};
    return std::move(*value);
}

/// Adds the option `name`; `to` holds its default and gets what is read.
template <class T>
void add(po::options_description& group, const char* name, const kind<T>& what, T& to,
         const char* about)
{
    const auto take = [&to, name, what](const std::string& text) {
        to = value_of(name, what, text);
    };
    auto* value = po::value<std::string>()->value_name(what.symbol)->notifier(take);
    group.add_options()(name, value, (about + (" [" + what.show(to)) + ']').c_str());
}

/// An option that may be given, with nothing in its place if it is not.
template <class T>
void add(po::options_description& group, const char* name, const kind<T>& what,
         std::optional<T>& to, const char* about)
{
    const auto take = [&to, name, what](const std::string& text) {
        to = value_of(name, what, text);
    };
    group.add_options()(name, po::value<std::string>()->value_name(what.symbol)->notifier(take),
                        about);
}

/// An option that may be given several times.
template <class T>
void add(po::options_description& group, const char* name, const kind<T>& what, std::vector<T>& to,
         const char* about)
{
    const auto take = [&to, name, what](const std::vector<std::string>& texts) {
        for (const std::string& text : texts)
            to.push_back(value_of(name, what, text));
    };
    group.add_options()(
        name, po::value<std::vector<std::string>>()->value_name(what.symbol)->notifier(take),
        about);
}

/// The rest is for requests, replies and what the system keeps of files. What can never fit is
/// refused; without a limit the kernel would end the daemon, and everybody's models with it.
constexpr double default_share_of_memory = 90;

/// Two at least: one long call must not keep all others waiting.
std::size_t default_run_threads() { return std::max<std::size_t>(2, usable_cores()); }

/// No more than `models` can load or close at once. Those that hang on a file system that does not
/// answer must not keep all others waiting: eight at least.
std::size_t default_load_threads(std::size_t models)
{
    return std::min(models, std::max<std::size_t>(8, 2 * usable_cores()));
}

struct described_options {
    po::options_description all;
    po::options_description limits; ///< of those, what a configuration file may set under that name
    po::options_description access; ///< likewise
};

described_options describe(daemon_options& options)
{
    constexpr unsigned width = 110;
    po::options_description residency("What stays loaded", width),
        limits("Limits on clients", width), access("Who may use it, and for what", width),
        other("The daemon", width);
    add(residency, "max-loaded-models", models_kind, options.cache.max_loaded_models,
        "models resident at once");
    add(residency, "max-loaded-bytes", budget_kind, options.cache.max_loaded_bytes,
        "memory for models: 8G, or 50% of what this process may use, or off; 90% by itself");
    add(residency, "idle-timeout", duration_kind, options.cache.idle_timeout,
        "unload a model that nobody used for so long");
    add(residency, "max-wait", duration_kind, options.cache.max_wait,
        "then a busy model makes room for one that waits");
    add(residency, "min-residency", duration_kind, options.cache.min_residency,
        "keeps a model's place so long after its load");
    add(residency, "load-timeout", positive_duration_kind, options.cache.load_timeout,
        "requests for a load that takes longer fail");
    add(residency, "close-timeout", positive_duration_kind, options.cache.close_timeout,
        "a close that takes longer is reported");
    add(limits, "max-frame-bytes", frame_kind, options.server.session.max_frame_bytes,
        "longest request");
    add(limits, "max-in-flight", count_kind, options.server.session.max_in_flight,
        "requests at once on one connection");
    add(limits, "max-in-flight-total", count_kind, options.server.session.max_in_flight_total,
        "requests at once on all connections");
    add(limits, "max-connections", count_kind, options.server.max_connections,
        "connections at once");
    add(limits, "max-waiters", count_kind, options.cache.max_waiters,
        "requests waiting for a load or for room");
    add(limits, "max-prompts", count_kind, options.request.max_prompts,
        "prompts, texts or items of one request");
    add(limits, "max-tokens", count_kind, options.request.max_tokens,
        "tokens of one request: its inputs, and what it generates");
    add(limits, "max-reply-bytes", frame_kind, options.server.session.max_reply_bytes,
        "longest reply");
    add(limits, "max-unread-bytes", frame_kind, options.server.session.max_unread_bytes,
        "replies a client leaves unread before it is cut off");
    add(limits, "idle-connection-timeout", duration_kind, options.server.session.idle_timeout,
        "close a connection that nobody used for so long");
    add(limits, "frame-timeout", duration_kind, options.server.session.frame_timeout,
        "for a request to arrive whole once it has begun");
    add(access, "allow-uid", user_kind, options.server.access.uids,
        "may use it besides this user and root; repeatable");
    add(access, "allow-gid", group_kind, options.server.access.gids,
        "its members may use it; repeatable");
    add(access, "socket-mode", mode_kind, options.server.access.socket_mode, "mode of the socket");
    add(access, "socket-group", group_kind, options.server.access.socket_group,
        "group of the socket");
    add(access, "allow-root", root_kind, options.roots,
        "load models from beneath it only; repeatable");
    add(other, "config", config_kind, options.config,
        "configuration file: named models, limits, what to load at the start");
    other.add_options()("check-config", po::bool_switch(),
                        "only say whether the configuration file is sound");
    add(other, "socket", path_kind, options.server.socket_path, "where to listen");
    add(other, "workers", threads_kind, options.run_threads,
        "threads that run calls, each on one model at a time");
    add(other, "load-workers", load_threads_kind, options.load_threads,
        "threads that load and close models");
    add(other, "drain-seconds", duration_kind, options.drain,
        "for calls under way, once told to stop");
    add(other, "log-level", level_kind, options.level, "debug, info, warning or error");
    add(other, "log-format", format_kind, options.format, "text or json");
    other.add_options()("core-dumps", po::bool_switch(&options.core_dumps),
                        "leave memory open to core dumps and debuggers");
    other.add_options()("enable-dummy", po::bool_switch(&options.enable_dummy),
                        "offer the test models of kind \"dummy\"");
    other.add_options()("help,h", "print this")("version", "print the version");
    po::options_description in_file;
    in_file.add(residency).add(limits);
    return {std::move(residency.add(limits).add(access).add(other)), std::move(in_file), access};
}

std::string help(const po::options_description& all)
{
    std::ostringstream text;
    text << "Usage: warmd [options]\nKeeps language models loaded and scores with them for every "
            "process on this machine,\n"
            "over a Unix socket (JSON-RPC 2.0). Stop it with SIGTERM.\n\n"
         << all << "\nJSON nests at most " << max_json_depth << " deep.\n";
    return text.str();
}

std::string with(std::string name, char old, char fresh)
{
    std::replace(name.begin(), name.end(), old, fresh);
    return name;
}

/// Gives one setting of the file, of the member `called`, to the option of its name.
void take(const std::string& called, const setting& setting, const po::options_description& limits)
{
    std::string known;
    bool found = false;
    for (const auto& each : limits.options()) {
        const std::string name = with(each->long_name(), '-', '_');
        found = found || name == setting.name;
        known += (known.empty() ? "" : ", ") + name;
    }
    if (!found)
        throw file_error{setting.place + ": " + called + '.' + shortened(setting.name) +
                         " is unknown; there are " + known};
    po::parsed_options one(&limits);
    one.options.emplace_back(with(setting.name, '_', '-'), std::vector<std::string>{setting.value});
    try {
        po::variables_map given;
        po::store(one, given);
        po::notify(given);
    } catch (const value_error& wrong) {
        throw file_error{setting.place + ": " + called + '.' + setting.name + wrong.text};
    } catch (const po::error& wrong) {
        throw file_error{setting.place + ": " + called + '.' + setting.name + ": " + wrong.what()};
    }
}

/// What the file says, its settings given to the options. What the command line repeats replaces
/// all that the file has of it.
config_file take_file(const po::variables_map& given, const po::options_description& limits,
                      const po::options_description& access)
{
    const auto path = read_path(given["config"].as<std::string>());
    auto file = path ? read_config(*path) : config_file();
    if (!file)
        throw file_error{file.error().detail};
    for (const setting& each : file->limits)
        take("limits", each, limits);
    for (const setting& each : file->access)
        if (given.count(with(each.name, '_', '-')) == 0)
            take("access", each, access);
    return std::move(*file);
}

std::string check_report(const daemon_options& options)
{
    if (options.config.empty())
        throw usage_error{"--check-config needs --config PATH"};
    return options.config + ": OK, " + std::to_string(options.file.models.size()) + " models\n";
}

daemon_options sound(daemon_options options)
{
    if (options.load_threads == 0)
        options.load_threads = default_load_threads(options.cache.max_loaded_models);
    if (const auto checked = validate(options.server); !checked)
        throw usage_error{(checked.error().detail.starts_with("socket") ? "--socket: " : "") +
                          checked.error().detail};
    if (const auto checked = validate(options.cache); !checked)
        throw usage_error{checked.error().detail};
    if (const auto checked = validate(options.request); !checked)
        throw usage_error{checked.error().detail};
    return options;
}

} // namespace

std::variant<daemon_options, leave> read_options(int count, const char* const* arguments)
{
    daemon_options options;
    options.server.socket_path = default_socket_path();
    options.run_threads = default_run_threads();
    options.cache.max_loaded_bytes = share_of_memory(default_share_of_memory);
    const auto [all, limits, access] = describe(options);
    const auto usage = [](const std::string& what) {
        return leave{2, "warmd: " + what + "\nTry 'warmd --help'.\n", what};
    };
    try {
        using style = po::command_line_style::style_t;
        po::variables_map given;
        const auto parsed = po::command_line_parser(count, arguments)
                                .options(all)
                                .style(style::unix_style & ~style::allow_guessing)
                                .run();
        for (const po::option& each : parsed.options)
            if (each.position_key >= 0)
                throw usage_error{"unexpected argument '" + each.value.front() + '\''};
        po::store(parsed, given);
        if (given.count("help"))
            return leave{0, help(all), ""};
        if (given.count("version"))
            return leave{0, "warmd " WARMD_VERSION "\n", ""};
        if (given.count("config"))
            options.file = take_file(given, limits, access);
        po::notify(given); // after the file: the command line has the last word
        const bool check = given["check-config"].as<bool>();
        options = sound(std::move(options));
        if (check)
            return leave{0, check_report(options), ""};
        return options;
    } catch (const file_error& wrong) {
        return leave{2, "warmd: " + wrong.text + '\n', wrong.text};
    } catch (const value_error& wrong) {
        return usage("--" + wrong.option + wrong.text);
    } catch (const usage_error& wrong) {
        return usage(wrong.text);
    } catch (const po::error& wrong) {
        return usage(wrong.what());
    }
}

} // namespace warmd

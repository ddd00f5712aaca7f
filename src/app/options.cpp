#include "app/options.hpp"

#include "app/option_kinds.hpp"

#include "base/machine.hpp"
#include "base/text.hpp"

#include <warmd/json.hpp>

#include <boost/program_options.hpp>

#include <algorithm>
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
constexpr double default_share_of_memory = 70;
constexpr double default_share_for_keys_and_values = 25;
constexpr double default_share_for_prefixes = 5; ///< of those, when their texts have ended

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
        sharing("How models share the machine", width), limits("Limits on clients", width),
        access("Who may use it, and for what", width), other("The daemon", width);
    add(residency, "max-loaded-models", models_kind, options.cache.max_loaded_models,
        "models resident at once");
    add(residency, "max-loaded-bytes", budget_kind, options.cache.max_loaded_bytes,
        "memory for models: 8G, 50% of what it may use, or off; 70% by itself");
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
    add(sharing, "step-time", step_kind, options.compute.step_time,
        "a step of computing is to take so long: what who comes new waits for");
    add(sharing, "max-kv-bytes", budget_kind, options.compute.max_kv_bytes,
        "memory for keys and values of texts under way or kept; a quarter by itself");
    add(sharing, "prefix-cache-bytes", budget_kind, options.compute.prefix_cache_bytes,
        "of that, for the beginnings of texts that were computed; 5% by itself");
    add(sharing, "answer-cache-bytes", budget_kind, options.compute.answer_cache_bytes,
        "memory for answers of base views");
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
    add(limits, "max-http-logprobs", count_kind, options.request.max_http_logprobs,
        "tokens listed in one place of a completion");
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
    add(access, "http", tcp_kind, options.server.http.listen,
        "speak HTTP here too, to who has the token; repeatable");
    add(access, "http-token-file", path_kind, options.http_token_file,
        "the token; else a new one is left in http-token beside the socket");
    add(access, "http-allow-origin", origin_kind, options.server.http.origins,
        "browsers' pages from there may ask over HTTP; repeatable");
    add(access, "allow-root", root_kind, options.roots,
        "load models from beneath it only; repeatable");
    add(other, "config", config_kind, options.config,
        "configuration file: named models, limits, what to load at the start");
    other.add_options()("check-config", po::bool_switch(),
                        "only say whether the configuration file is sound");
    add(other, "socket", path_kind, options.server.socket_path, "where to listen");
    other.add_options()("stdio", po::bool_switch(&options.stdio),
                        "serve one client on standard input and output, and listen nowhere");
    add(other, "workers", threads_kind, options.run_threads, "threads that run calls");
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
    in_file.add(residency).add(sharing).add(limits);
    return {std::move(residency.add(sharing).add(limits).add(access).add(other)),
            std::move(in_file), access};
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
    std::vector<std::string> known;
    for (const auto& each : limits.options())
        known.push_back(with(each->long_name(), '-', '_'));
    if (std::find(known.begin(), known.end(), setting.name) == known.end())
        throw file_error{setting.place + ": " + called + '.' + shortened(setting.name) +
                         " is unknown; there are " + joined(known)};
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
    const auto path = config_kind.read(given["config"].as<std::string>());
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
    if (options.stdio && !options.server.http.listen.empty())
        throw usage_error{"--stdio listens nowhere: it cannot be combined with --http"};
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
    options.compute.max_kv_bytes = share_of_memory(default_share_for_keys_and_values);
    options.compute.prefix_cache_bytes = share_of_memory(default_share_for_prefixes);
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

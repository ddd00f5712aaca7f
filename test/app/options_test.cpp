// The daemon's command line: what is read, and what is said of what cannot be.

#include "app/options.hpp"

#include "base/machine.hpp"
#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

std::variant<daemon_options, leave> outcome_of(std::vector<const char*> arguments)
{
    arguments.insert(arguments.begin(), "warmd");
    return read_options(static_cast<int>(arguments.size()), arguments.data());
}
daemon_options read(std::vector<const char*> arguments)
{
    auto outcome = outcome_of(std::move(arguments));
    if (const auto* refused = std::get_if<leave>(&outcome))
        throw std::runtime_error(refused->text);
    return std::get<daemon_options>(outcome);
}
leave refusal(std::vector<const char*> arguments)
{
    return std::get<leave>(outcome_of(std::move(arguments)));
}

} // namespace

BOOST_AUTO_TEST_CASE(without_arguments_the_defaults_hold)
{
    const daemon_options options = read({});
    BOOST_TEST(options.cache.max_loaded_models == 2U);
    BOOST_TEST(options.cache.max_loaded_bytes / 1024 == memory_limit() / 10 * 7 / 1024);
    BOOST_TEST(options.compute.max_kv_bytes / 1024 == memory_limit() / 4 / 1024);
    BOOST_TEST(options.compute.prefix_cache_bytes / 1024 == memory_limit() / 20 / 1024);
    BOOST_TEST(options.compute.answer_cache_bytes == 64U << 20);
    BOOST_TEST((options.compute.step_time == 50ms));
    BOOST_TEST((options.cache.idle_timeout == 0s));
    BOOST_TEST((options.drain == 10s));
    BOOST_TEST(options.server.session.max_frame_bytes == 16U << 20);
    BOOST_TEST(options.server.socket_path == default_socket_path());
    BOOST_TEST(options.run_threads >= 2U);
    BOOST_TEST(options.load_threads == 2U);
    BOOST_TEST(!options.enable_dummy);
    BOOST_TEST((options.level == log_level::info));
    BOOST_TEST((options.format == log_format::text));
}

BOOST_AUTO_TEST_CASE(every_option_is_read)
{
    const daemon_options options = read({"--socket",
                                         "/tmp/x.sock",
                                         "--max-loaded-models=7",
                                         "--max-loaded-bytes",
                                         "1.5G",
                                         "--idle-timeout",
                                         "2h",
                                         "--max-wait",
                                         "0",
                                         "--load-timeout",
                                         "90",
                                         "--close-timeout",
                                         "500ms",
                                         "--max-frame-bytes",
                                         "64K",
                                         "--max-in-flight",
                                         "3",
                                         "--max-connections",
                                         "4",
                                         "--max-waiters",
                                         "5",
                                         "--workers",
                                         "6",
                                         "--load-workers",
                                         "8",
                                         "--drain-seconds",
                                         "2.5",
                                         "--log-level",
                                         "debug",
                                         "--log-format",
                                         "json",
                                         "--enable-dummy"});
    BOOST_TEST(options.server.socket_path == "/tmp/x.sock");
    BOOST_TEST(options.cache.max_loaded_models == 7U);
    BOOST_TEST(options.cache.max_loaded_bytes == 3U << 29);
    BOOST_TEST((options.cache.idle_timeout == 2h));
    BOOST_TEST((options.cache.max_wait == 0s));
    BOOST_TEST((options.cache.load_timeout == 90s));
    BOOST_TEST((options.cache.close_timeout == 500ms));
    BOOST_TEST(options.server.session.max_frame_bytes == 65536U);
    BOOST_TEST(options.server.session.max_in_flight == 3U);
    BOOST_TEST(options.server.max_connections == 4U);
    BOOST_TEST(options.cache.max_waiters == 5U);
    BOOST_TEST(options.run_threads == 6U);
    BOOST_TEST(options.load_threads == 8U);
    BOOST_TEST((options.drain == 2500ms));
    BOOST_TEST((options.level == log_level::debug));
    BOOST_TEST((options.format == log_format::json));
    BOOST_TEST(options.enable_dummy);
}

BOOST_AUTO_TEST_CASE(how_models_share_the_machine_is_read_within_bounds)
{
    const compute_limits read_as = read({"--step-time", "5ms", "--max-kv-bytes", "off",
                                         "--prefix-cache-bytes", "0", "--answer-cache-bytes", "1M"})
                                       .compute;
    BOOST_TEST((read_as.step_time == 5ms));
    BOOST_TEST(read_as.max_kv_bytes == 0U);
    BOOST_TEST(read_as.prefix_cache_bytes == 0U);
    BOOST_TEST(read_as.answer_cache_bytes == 1U << 20);
    BOOST_TEST((read({"--step-time", "1"}).compute.step_time == 1s));
    for (const char* wrong : {"4ms", "1.1s", "0", "fast"})
        BOOST_TEST(refusal({"--step-time", wrong}).text.find("it must be a time from 5ms to 1s") !=
                       std::string::npos,
                   wrong);
}

BOOST_AUTO_TEST_CASE(who_may_use_it_is_read_by_name_and_number)
{
    BOOST_TEST(read({}).server.access.socket_mode == 0600U);
    BOOST_TEST(read({}).server.access.uids.empty());
    const daemon_options options = read({"--allow-uid", "1234", "--allow-uid", "root",
                                         "--allow-gid", "daemon", "--allow-gid=7", "--socket-mode",
                                         "0660", "--socket-group", "daemon", "--core-dumps"});
    BOOST_TEST(options.server.access.uids == (std::vector<uid_t>{1234, 0}),
               boost::test_tools::per_element());
    BOOST_TEST(options.server.access.gids == (std::vector<gid_t>{1, 7}),
               boost::test_tools::per_element());
    BOOST_TEST(options.server.access.socket_mode == 0660U);
    BOOST_TEST((options.server.access.socket_group == gid_t{1}));
    BOOST_TEST(options.core_dumps);
    BOOST_TEST(!read({}).core_dumps);
}

BOOST_AUTO_TEST_CASE(an_allowed_root_is_a_real_directory)
{
    const test::scratch_directory scratch;
    const std::string real = std::filesystem::canonical(scratch.path), link = real + "/link";
    std::filesystem::create_directory_symlink(real, link);
    BOOST_TEST(read({"--allow-root", link.c_str(), "--allow-root", "/usr/"}).roots ==
                   (std::vector<std::string>{real, "/usr"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_budget_may_be_a_share_of_the_memory_it_may_use)
{
    const std::uint64_t all = read({"--max-loaded-bytes", "100%"}).cache.max_loaded_bytes;
    BOOST_TEST(all > 1U << 20);
    BOOST_TEST(read({"--max-loaded-bytes", "50%"}).cache.max_loaded_bytes == all / 2);
    BOOST_TEST(read({"--max-loaded-bytes", "off"}).cache.max_loaded_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(a_relative_socket_path_is_made_absolute)
{
    BOOST_TEST(read({"--socket", "x.sock"}).server.socket_path.front() == '/');
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_named_with_its_option)
{
    const std::vector<std::vector<const char*>> wrong{
        {"--max-loaded-models", "0"},
        {"--max-loaded-models", "-1"},
        {"--max-loaded-models", "2.5"},
        {"--max-loaded-models", "two"},
        {"--max-loaded-bytes", "8GB"},
        {"--max-loaded-bytes", "101%"},
        {"--max-loaded-bytes", "0%"},
        {"--max-loaded-bytes", "nan"},
        {"--max-loaded-bytes", "1e30"},
        {"--idle-timeout", "-1"},
        {"--idle-timeout", "1d"},
        {"--max-wait", ""},
        {"--load-timeout", "0"},
        {"--close-timeout", "0ms"},
        {"--max-frame-bytes", "10"},
        {"--max-in-flight", "0"},
        {"--max-connections", "0"},
        {"--max-waiters", "0"},
        {"--workers", "0"},
        {"--workers", "100000"},
        {"--load-workers", "0"},
        {"--drain-seconds", "soon"},
        {"--log-level", "loud"},
        {"--log-format", "xml"},
        {"--idle-timeout", "9999999h"},
        {"--allow-uid", "nobody-at-all"},
        {"--allow-uid", "-1"},
        {"--allow-uid", "4294967295"},
        {"--allow-gid", ""},
        {"--socket-mode", "999"},
        {"--socket-mode", "0400"},
        {"--socket-mode", "07777"},
        {"--socket-group", "no-group"},
        {"--allow-root", "/no/such"},
        {"--allow-root", "/etc/passwd"},
    };
    for (const auto& arguments : wrong) {
        const leave said = refusal(arguments);
        BOOST_TEST(said.status == 2);
        for (const char* part : arguments)
            BOOST_TEST(said.text.find(part) != std::string::npos, said.text << " lacks " << part);
    }
}

BOOST_AUTO_TEST_CASE(mistakes_of_usage_end_with_status_2)
{
    for (const auto& [arguments, named] :
         std::vector<std::pair<std::vector<const char*>, const char*>>{
             {{"--no-such"}, "--no-such"},
             {{"--max-loaded"}, "--max-loaded"}, // no guessing
             {{"serve"}, "serve"},
             {{"--socket"}, "--socket"},
             {{"--socket", ""}, "socket"},
             {{"--workers", "1", "--workers", "2"}, "--workers"},
             {{"--enable-dummy=yes"}, "--enable-dummy"},
             {{"-w"}, "-w"},
         }) {
        const leave said = refusal(arguments);
        BOOST_TEST(said.status == 2);
        BOOST_TEST(said.text.find(named) != std::string::npos, said.text);
        BOOST_TEST(said.text.starts_with("warmd: "));
    }
    const std::string long_path = '/' + std::string(200, 'x');
    BOOST_TEST(refusal({"--socket", long_path.c_str()})
                   .text.starts_with("warmd: --socket: socket path of 201 bytes"));
}

// -- the configuration file -------------------------------------------------

namespace {

/// A configuration file of this text.
struct configured {
    explicit configured(const std::string& text) { test::write_file(path, text); }

    daemon_options with(std::vector<const char*> more = {}) const
    {
        return read(arguments(std::move(more)));
    }
    leave refused(std::vector<const char*> more = {}) const
    {
        return refusal(arguments(std::move(more)));
    }

    test::scratch_directory directory;
    std::string path = directory.path / "warmd.conf";

private:
    std::vector<const char*> arguments(std::vector<const char*> more) const
    {
        more.insert(more.begin(), {"--config", path.c_str()});
        return more;
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(the_command_line_beats_the_file_and_the_file_the_defaults)
{
    const configured file(
        R"({"limits": {"max_loaded_models": 5, "max_wait": "3s", "idle_timeout": 1.5, )"
        R"("max_loaded_bytes": "8G"}})");
    const daemon_options options = file.with({"--max-loaded-models", "7", "--idle-timeout", "0"});
    BOOST_TEST(options.config == file.path);
    BOOST_TEST(options.cache.max_loaded_models == 7U);
    BOOST_TEST((options.cache.idle_timeout == 0s));
    BOOST_TEST((options.cache.max_wait == 3s));
    BOOST_TEST(options.cache.max_loaded_bytes == 8ULL << 30);
    BOOST_TEST((options.cache.load_timeout == 10min));
    BOOST_TEST((file.with().cache.idle_timeout == 1500ms));
}

BOOST_AUTO_TEST_CASE(the_example_sets_every_limit_there_is)
{
    const std::string path = WARMD_TEST_DATA "/../../tools/warmd.conf.example";
    const daemon_options options = read({"--config", path.c_str()});
    BOOST_TEST(options.cache.max_loaded_models == 3U);
    BOOST_TEST((options.cache.idle_timeout == 30min));
    const std::string known = configured(R"({"limits": {"x": 1}})").refused().mistake;
    for (const setting& each : options.file.limits)
        BOOST_TEST(known.find(each.name) != std::string::npos, each.name);
    BOOST_TEST(std::count(known.begin(), known.end(), ',') + 1 ==
                   static_cast<std::ptrdiff_t>(options.file.limits.size()),
               known);
}

BOOST_AUTO_TEST_CASE(the_file_says_who_may_use_it_and_what_the_command_line_repeats_replaces_it)
{
    const test::scratch_directory here;
    const configured file(
        R"({"access": {"allow_uid": [7, 8], "allow_gid": 9, "socket_mode": "0660", )"
        R"("allow_root": [")" +
        here.path.native() + "\"]}}");
    const daemon_options options = file.with();
    BOOST_TEST(options.server.access.uids == (std::vector<uid_t>{7, 8}),
               boost::test_tools::per_element());
    BOOST_TEST(options.server.access.gids == (std::vector<gid_t>{9}),
               boost::test_tools::per_element());
    BOOST_TEST(options.server.access.socket_mode == 0660U);
    BOOST_TEST(options.roots.size() == 1U);
    const daemon_options narrower = file.with({"--allow-uid", "5"});
    BOOST_TEST(narrower.server.access.uids == (std::vector<uid_t>{5}),
               boost::test_tools::per_element());
    BOOST_TEST(narrower.server.access.gids.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_mistake_in_the_file_is_named_with_line_and_column_and_status_2)
{
    for (const auto& [text, named] : std::vector<std::pair<std::string, std::string>>{
             {"{\n  ?", ":2:3: syntax error, found '?'"},
             {"{\"limits\": {\n \"max_loaded_models\": 0}}",
              ":2:2: limits.max_loaded_models is '0'; it must be a whole number, at least 1"},
             {"{\"limits\": {\"max_loaded_models\": 2.5}}",
              ":1:13: limits.max_loaded_models is '2.5'; it must be"},
             {"{\"limits\": {\"max_wait\": \"soon\"}}",
              ":1:13: limits.max_wait is 'soon'; it must be a time such as 90"},
             {"{\"limits\": {\"max_wait\": \"\"}}", ":1:13: limits.max_wait is ''; it must be"},
             {"{\"limits\": {\"max_wait\": -1}}", ":1:13: limits.max_wait is '-1'; it must be"},
             {"{\"limits\": {\"socket\": \"/x\"}}",
              ":1:13: limits.socket is unknown; there are max_loaded_models, max_loaded_bytes,"},
             {"{\"limits\": {\"max-wait\": 1}}", ":1:13: limits.max-wait is unknown"},
             {"{\"limits\": {\"\": 1}}", ":1:13: limits. is unknown"},
             {"{\"access\": {\"allow_root\": [\"/no/such\"]}}",
              ":1:28: access.allow_root is '/no/such'; it must be a directory that exists"},
             {"{\"access\": {\"max_wait\": 1}}",
              ":1:13: access.max_wait is unknown; there are allow_uid, allow_gid,"},
         }) {
        const configured file(text);
        const leave said = file.refused();
        BOOST_TEST(said.status == 2);
        BOOST_TEST(said.mistake.find(file.path + named) == 0U,
                   said.mistake << "\n  lacks " << named);
        BOOST_TEST(said.text == "warmd: " + said.mistake + '\n');
    }
    BOOST_TEST(refusal({"--config", "/no/such"}).mistake ==
               "cannot read the configuration file /no/such: No such file or directory");
    BOOST_TEST(refusal({"--config", ""}).text.find("--config") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(check_config_only_says_whether_the_file_is_sound)
{
    const configured sound(R"({"models": {"a": {"base": "/a"}}})"), faulty("{");
    const leave said = sound.refused({"--check-config"});
    BOOST_TEST(said.status == 0);
    BOOST_TEST(said.text == sound.path + ": OK, 1 models\n");
    BOOST_TEST(faulty.refused({"--check-config"}).status == 2);
    BOOST_TEST(refusal({"--check-config"}).text.find("--check-config needs --config") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(help_and_version_end_with_status_0)
{
    const leave help = refusal({"--help", "--workers", "0"});
    BOOST_TEST(refusal({"-h"}).text == help.text);
    BOOST_TEST(help.status == 0);
    BOOST_TEST(std::count(help.text.begin(), help.text.end(), '\n') <= 60);
    BOOST_TEST(help.text.find("--max-loaded-models N") != std::string::npos);
    BOOST_TEST(refusal({"--version"}).text == "warmd 0.1.0\n");
}

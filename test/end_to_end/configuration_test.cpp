// The built warmd and its configuration file: what it lists, and what changes when it is read
// again. Nothing here waits but for a line, an answer or an end.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

struct configured_place : place {
    void write(const std::string& text) const { test::write_file(file, text); }
    /// Ends a daemon in good order.
    static void end(running& daemon)
    {
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }

    std::string file = directory.path / "warmd.conf";
    words with_file{"--config", file};
};

/// What `models` says of the models, in the order of their bases: "a ready", "b ready pinned".
std::vector<std::string> states(client& ask)
{
    std::vector<std::string> all;
    const json::value answer = ask.call("models").value();
    for (const json::value& each : answer.at("models").as_array())
        all.push_back(std::string(each.at("model").at("base").as_string()) + ' ' +
                      std::string(each.at("state").as_string()) +
                      (each.at("pinned").as_bool() ? " pinned" : ""));
    std::sort(all.begin(), all.end());
    return all;
}
std::int64_t counter(client& ask, const char* name)
{
    return ask.call("stats").value().at(name).to_number<std::int64_t>();
}
std::string reloaded(client& ask) { return json::serialize(ask.call("reload").value()); }

} // namespace

BOOST_FIXTURE_TEST_CASE(sighup_without_a_configuration_file_changes_nothing, place)
{
    running daemon(socket);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    daemon.signal(SIGHUP);
    BOOST_TEST(daemon.line_with("SIGHUP changes nothing").find("no configuration file") !=
               std::string::npos);
    client ask = daemon.connect();
    BOOST_TEST((ask.call("reload").error().code == errc::unsupported));
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(
    what_the_file_lists_is_loaded_in_order_pins_first_and_a_failure_stops_nothing, configured_place)
{
    write(R"({"models": {"a": {"kind": "dummy", "base": "a"}, "b": {"kind": "dummy", "base": "b"},
                         "bad": {"kind": "dummy", "base": "bad",
                         "options": {"load_error": "out of luck"}}},
              "limits": {"max_loaded_models": 3}, "preload": ["bad", "a"], "pin": ["b"]})");
    running daemon(socket, with_file);
    BOOST_TEST(!daemon.line_with("ready").empty());
    BOOST_TEST(daemon.line_with("loaded ").find("loaded b-") != std::string::npos);
    BOOST_TEST(daemon.line_with("preload bad").find("out of luck") != std::string::npos);
    BOOST_TEST(daemon.line_with("loaded ").find("loaded a-") != std::string::npos);
    BOOST_TEST(!daemon.line_with("warm: 2 of the 3 models").empty());
    client ask = daemon.connect();
    BOOST_TEST(ask.call("load", R"({"model":"a"})").value().at("cached").as_bool());
    const std::vector<std::string> expected{"a ready", "b ready pinned", "bad failed"};
    BOOST_TEST(states(ask) == expected, boost::test_tools::per_element());
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(a_slow_preload_does_not_keep_the_socket_waiting, configured_place)
{
    write(R"({"models": {"slow": {"kind": "dummy", "base": "s", )"
          R"("options": {"load_ms": 3600000}}}, "preload": ["slow"]})");
    running daemon(socket, with_file);
    BOOST_REQUIRE(!daemon.line_with("loading").empty());
    BOOST_TEST(daemon.connect().call("health").has_value());
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(sighup_applies_the_file_and_unchanged_models_stay_warm, configured_place)
{
    write(R"({"models": {"a": {"kind": "dummy", "base": "a"}, "b": {"kind": "dummy", )"
          R"("base": "b"}}, "preload": ["a"]})");
    running daemon(socket, with_file);
    BOOST_REQUIRE(!daemon.line_with("loaded a-").empty());
    write(R"({"models": {"a": {"kind": "dummy", "base": "a"}, "b": {"kind": "dummy", "base": "c"},
                         "d": {"kind": "dummy", "base": "d"}},
              "limits": {"max_loaded_models": 4, "max_connections": 7}, "preload": ["a", "b"]})");
    daemon.signal(SIGHUP);
    BOOST_TEST(!daemon.line_with("1 added, 0 removed, 1 changed, 1 unchanged").empty());
    BOOST_TEST(daemon.line_with("takes effect only when warmd is started again")
                   .ends_with(": max_connections"));
    BOOST_REQUIRE(!daemon.line_with("loaded c-").empty());
    client ask = daemon.connect();
    BOOST_TEST(ask.call("load", R"({"model":"a"})").value().at("cached").as_bool());
    BOOST_TEST(ask.call("load", R"({"model":"b"})").value().at("model").at("base").as_string() ==
               "c");
    BOOST_TEST(counter(ask, "loads_total") == 2);
    BOOST_TEST(ask.call("health").value().at("max_loaded_models") == 4);
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(a_bad_file_changes_nothing_and_says_where_it_is_wrong, configured_place)
{
    write(
        R"({"models": {"a": {"kind": "dummy", "base": "a"}}, "limits": {"max_loaded_models": 5}})");
    running daemon(socket, with_file);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    write("{\"models\": {},\n \"limits\": {\"max_loaded_models\": 1,\n  \"max_wait\": \"soon\"}}");
    const auto refused = ask.call("reload");
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().code == errc::invalid_params));
    BOOST_TEST(
        refused.error().detail.starts_with(file + ":3:3: limits.max_wait is 'soon'; it must be "),
        refused.error().detail);
    daemon.signal(SIGHUP);
    BOOST_TEST(daemon.line_with("SIGHUP changes nothing").find(file + ":3:3: ") !=
               std::string::npos);
    BOOST_TEST(ask.call("load", R"({"model":"a"})").has_value());
    BOOST_TEST(ask.call("health").value().at("max_loaded_models") == 5);
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(reloads_in_quick_succession_load_nothing_twice_and_the_last_file_holds,
                        configured_place)
{
    const std::string models =
        R"({"models": {"a": {"kind": "dummy", "base": "a"}, "b": {"kind": "dummy", "base": "b",
        "options": {"load_ms": 50}}},
                                   "limits": {"max_loaded_models": 4}, "preload": ["a", "b"],
                                   "pin": [)";
    write(models + "]}");
    running daemon(socket, with_file);
    BOOST_REQUIRE(
        !daemon.line_with("loading dummy model b").empty()); // the first round is under way
    client ask = daemon.connect();
    for (const char* pin : {"", R"("a")", R"("a","b")", R"("b")"}) {
        write(models + pin + "]}");
        for (int twice = 0; twice != 2; ++twice)
            BOOST_TEST(reloaded(ask) ==
                       R"({"added":[],"removed":[],"changed":[],"unchanged":["a","b"]})");
    }
    for (int each = 0; each != 8; ++each)
        BOOST_REQUIRE(!daemon.line_with(file + " again").empty());
    BOOST_REQUIRE(
        !daemon.line_with("warm: 2 of the 2 models").empty()); // only now is the last file through
    const std::vector<std::string> expected{"a ready", "b ready pinned"};
    BOOST_TEST(states(ask) == expected, boost::test_tools::per_element());
    BOOST_TEST(counter(ask, "loads_total") == 2);
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(what_the_file_no_longer_pins_is_unpinned_and_stays_warm, configured_place)
{
    const std::string models = R"({"models": {"a": {"kind": "dummy", "base": "a"}}, "pin": [)";
    write(models + R"("a"]})");
    running daemon(socket, with_file);
    BOOST_REQUIRE(!daemon.line_with("loaded a-").empty());
    client ask = daemon.connect();
    write("{}");
    BOOST_TEST(reloaded(ask) == R"({"added":[],"removed":["a"],"changed":[],"unchanged":[]})");
    BOOST_REQUIRE(!daemon.line_with("unpinned a-").empty());
    const std::vector<std::string> expected{"a ready"};
    BOOST_TEST(states(ask) == expected, boost::test_tools::per_element());
    BOOST_TEST((ask.call("load", R"({"model":"a"})").error().code == errc::not_found));
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(a_lower_limit_applies_at_once_and_the_command_line_still_beats_the_file,
                        configured_place)
{
    write(R"({"limits": {"max_loaded_models": 4, "max_waiters": 9}})");
    running daemon(socket, {"--config", file, "--max-waiters", "7"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    for (const char* base : {"a", "b", "c"})
        BOOST_REQUIRE(
            ask.call("load", R"({"model":{"kind":"dummy","base":")" + std::string(base) + "\"}}")
                .has_value());
    write(R"({"limits": {"max_loaded_models": 1}})");
    BOOST_REQUIRE(ask.call("reload").has_value());
    for (const char* base : {"a", "b"})
        BOOST_TEST(daemon.line_with("closing").find(std::string("closing ") + base + "-") !=
                   std::string::npos);
    BOOST_TEST(ask.call("health").value().at("max_loaded_models") == 1);
    end(daemon);
}

BOOST_FIXTURE_TEST_CASE(a_daemon_with_a_bad_file_does_not_start_and_check_config_tells,
                        configured_place)
{
    write("{\n  \"modells\": {}}");
    running daemon(socket, with_file);
    BOOST_TEST(daemon.line().starts_with("warmd: " + file + ":2:3: 'modells' is unknown"));
    BOOST_TEST(daemon.status() == 2);
    running checked(socket, {"--config", file, "--check-config"});
    BOOST_TEST(checked.status() == 2);
    write("{}");
    running sound(socket, {"--config", file, "--check-config"});
    BOOST_TEST(sound.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(one_model_is_meant_by_its_name_its_adapters_path_and_both_with_a_view,
                        configured_place)
{
    const std::string demo = WARMD_TEST_DATA "/demo/", adapter = demo + "adapter",
                      spec = R"({"base":")" + demo + R"(model","adapter":")" + adapter + "\"}";
    write(R"({"models": {"verses": )" + spec + "}}");
    running daemon(socket, with_file);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    const auto scored = [&](const std::string& model, const std::string& view) {
        return ask
            .call("rolling_logprob", R"({"texts":["In the beginning"],"model":)" + model +
                                         (view.empty() ? "" : ",\"view\":" + view) + '}')
            .value();
    };
    const auto named = [&](const std::string& name) { return scored('"' + name + '"', ""); };
    BOOST_TEST((named("verses:base") == scored(spec, R"("base")")));
    BOOST_TEST((named(adapter + "@0.5") == scored(spec, R"({"scaled":0.5})")));
    BOOST_TEST((named(adapter + ":null-7") == scored(spec, R"({"null":{"seed":7}})")));
    BOOST_TEST((named("verses") == named(adapter)));
    BOOST_TEST((named("verses") != named("verses:base")));
    BOOST_TEST(states(ask).size() == 1U);
    const test::program_result typed =
        test::program(
            {.words = {WARMCTL, "perplexity", "--json", "-m", "verses@0.5", "In the beginning"},
             .in = {},
             .environment = {"WARMD_SOCKET=" + socket}})
            .result();
    BOOST_TEST(typed.err == "");
    BOOST_TEST((parse_json(typed.out).value() == named(adapter + "@0.5")));
    end(daemon);
}

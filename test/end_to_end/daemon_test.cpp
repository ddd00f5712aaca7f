// The built warmd: what it says, how it ends, and that it speaks. Nothing here waits but for a
// line, an answer or an end.

#include "support/daemon.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <fstream>

using namespace warmd;
using test::place, test::running, test::words;
namespace bp = boost::process;

namespace {

std::string dummy(const std::string& options)
{
    return R"({"model":{"kind":"dummy","base":"slow","options":{)" + options + "}}}";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(it_says_where_it_listens_serves_and_ends_on_sigterm_with_status_0, place)
{
    running daemon(socket);
    BOOST_TEST(daemon.line().find("warmd 0.1.0") != std::string::npos);
    BOOST_TEST(daemon.line_with("ready").find(socket) != std::string::npos);
    struct stat s {};
    BOOST_REQUIRE(::stat(socket.c_str(), &s) == 0);
    BOOST_TEST((s.st_mode & 0777) == 0600U);
    {
        client ask = daemon.connect();
        BOOST_TEST(ask.call("load", dummy("")).value().at("state").as_string() == "ready");
        BOOST_TEST(ask.call("health").value().at("status").as_string() == "ok");
    }
    daemon.signal(SIGTERM);
    BOOST_TEST(!daemon.line_with("stopping (SIGTERM)").empty());
    BOOST_TEST(!daemon.line_with("stopped").empty());
    BOOST_TEST(daemon.status() == 0);
    BOOST_TEST(::stat(socket.c_str(), &s) != 0);
}

BOOST_FIXTURE_TEST_CASE(a_second_daemon_on_a_live_socket_ends_with_status_1, place)
{
    running first(socket);
    BOOST_REQUIRE(!first.line_with("ready").empty());
    running second(socket);
    BOOST_TEST(!second.line_with(socket).empty());
    BOOST_TEST(second.status() == 1);
    BOOST_TEST(first.connect().call("health").has_value());
    first.signal(SIGINT);
    BOOST_TEST(first.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(the_socket_of_a_killed_daemon_is_taken_over, place)
{
    running first(socket);
    BOOST_REQUIRE(!first.line_with("ready").empty());
    first.signal(SIGKILL);
    BOOST_TEST(first.status() == -SIGKILL);
    running second(socket);
    BOOST_TEST(!second.line_with("ready").empty());
    second.signal(SIGTERM);
    BOOST_TEST(second.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(sigterm_during_a_load_stops_the_load_and_answers_its_waiter, place)
{
    running daemon(socket, {"--drain-seconds", "1h"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    (void)ask.send("load", dummy(R"("load_ms":3600000)"));
    BOOST_REQUIRE(!daemon.line_with("loading").empty());
    daemon.signal(SIGTERM);
    const auto answer = ask.receive();
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST((answer->outcome.error().code == errc::shutting_down));
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_call_that_outlasts_the_grace_is_stopped_and_the_status_is_0, place)
{
    running daemon(socket, {"--drain-seconds", "10ms"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    std::string endless = dummy(R"("call_ms":3600000)");
    endless.insert(1, R"("prompts":["x"],)");
    (void)ask.send("next_token", endless);
    BOOST_REQUIRE(!daemon.line_with("loaded").empty());
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(what_is_stuck_when_the_grace_ends_is_named_and_the_status_is_3, place)
{
    running daemon(socket, {"--drain-seconds", "10ms"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    BOOST_REQUIRE(ask.call("load", dummy(R"("close_ms":3600000)")).has_value());
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.line_with("stuck: ").find("slow-") != std::string::npos);
    BOOST_TEST(daemon.status() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_second_signal_ends_it_at_once_with_status_3, place)
{
    running daemon(socket, {"--drain-seconds", "1h"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    BOOST_REQUIRE(ask.call("load", dummy(R"("close_ms":3600000)")).has_value());
    daemon.signal(SIGTERM);
    BOOST_REQUIRE(!daemon.line_with("stopping").empty());
    daemon.signal(SIGTERM);
    BOOST_TEST(!daemon.line_with("stuck: ").empty());
    BOOST_TEST(daemon.status() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_client_of_the_same_user_may_shut_it_down_and_is_answered, place)
{
    running daemon(socket);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    BOOST_TEST(json::serialize(ask.call("shutdown", R"({"drain_seconds":1})").value()) == "{}");
    BOOST_TEST(!daemon.line_with("stopping (asked by a client)").empty());
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(
    beside_an_endless_load_and_a_close_that_hangs_hits_and_health_answer_and_the_stuck_key_is_named,
    place)
{
    running daemon(socket,
                   {"--max-loaded-models", "4", "--close-timeout", "10ms", "--drain-seconds", "0"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    const std::string warm = R"({"model":{"kind":"dummy","base":"warm"}})";
    BOOST_REQUIRE(ask.call("load", warm).has_value());
    const std::string hangs = dummy(R"("close_ms":3600000)");
    const std::string key(ask.call("load", hangs).value().at("key").as_string());
    BOOST_REQUIRE(
        ask.call("unload", hangs.substr(0, hangs.size() - 1) + R"(,"wait":false})").has_value());
    client waits = daemon.connect();
    (void)waits.send("load", dummy(R"("load_ms":3600000)"));
    BOOST_REQUIRE(!daemon.line_with(key + " is overdue").empty()); // overdue by now
    for (int each = 0; each != 100; ++each) {
        BOOST_TEST_REQUIRE(ask.call("load", warm).value().at("cached").as_bool());
        const json::value health = ask.call("health").value();
        BOOST_TEST_REQUIRE(health.at("status").as_string() == "degraded");
        BOOST_TEST_REQUIRE(health.at("reasons").at(0).as_string().find(key) != json::string::npos);
    }
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 3);
}

BOOST_FIXTURE_TEST_CASE(
    out_of_descriptors_it_says_so_once_serves_those_it_has_and_goes_on_when_it_can, place)
{
    running daemon(socket, {}, "ulimit -n 48 && exec"); // it takes some twenty itself
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client served = daemon.connect();
    BOOST_TEST(served.call("health").has_value());
    std::vector<client> crowd; // the backlog takes those who cannot be accepted
    while (crowd.size() != 60)
        crowd.push_back(daemon.connect());
    BOOST_TEST(!daemon.line_with("cannot accept connections: Too many open files").empty());
    for (int each = 0; each != 100; ++each)
        BOOST_TEST_REQUIRE(served.call("health").has_value());
    crowd.clear();
    client late = daemon.connect();
    BOOST_TEST(late.call("health").has_value());
    BOOST_TEST(daemon.line().find("accepts connections again") !=
               std::string::npos); // the very next line: nothing else was said
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(memory_is_closed_to_dumps_and_debuggers_unless_wanted, place)
{
    // As root, another user is needed to see it: what may not be dumped belongs to root in /proc
    // (proc(5)).
    const std::filesystem::path copy = directory.path / "warmd-copy";
    std::filesystem::copy_file(WARMD, copy);
    std::filesystem::permissions(directory.path, std::filesystem::perms(0777));
    const std::string other = ::geteuid() == 0 ? "exec setpriv --reuid=65534 --clear-groups " +
                                                     copy.string() + " \"$@\" #"
                                               : "exec";
    const uid_t user = ::geteuid() == 0 ? 65534 : ::geteuid();
    for (const bool wanted : {false, true}) {
        running daemon(directory.path / "own" / "warmd.sock",
                       wanted ? words{"--core-dumps"} : words{}, other);
        BOOST_REQUIRE(!daemon.line_with("ready").empty());
        struct stat s {};
        BOOST_REQUIRE(::stat(("/proc/" + std::to_string(daemon.id()) + "/environ").c_str(), &s) ==
                      0);
        BOOST_TEST(s.st_uid == (wanted ? user : 0U));
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }
}

BOOST_FIXTURE_TEST_CASE(with_allowed_roots_models_come_from_there_only, place)
{
    const std::filesystem::path root = directory.path / "models";
    std::filesystem::create_directories(root);
    running daemon(socket, {"--allow-root", root});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    const auto refusal = [&](const std::filesystem::path& base) {
        return ask.call("load", R"({"model":{"base":")" + base.string() + "\"}}").error().code;
    };
    BOOST_TEST((refusal("/etc") == errc::permission_denied));
    BOOST_TEST((refusal(root / ".." / "x") == errc::permission_denied));
    BOOST_TEST((refusal(root / "x") == errc::not_found));
    std::filesystem::create_directory_symlink("/etc", root / "x"); // swapped in
    BOOST_TEST((refusal(root / "x") == errc::permission_denied));
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(the_log_can_be_json_and_quotes_clients_safely, place)
{
    running daemon(socket, {"--log-format", "json"});
    const json::value first = parse_json(daemon.line()).value();
    BOOST_TEST(first.at("level").as_string() == "info");
    BOOST_TEST(first.at("time").as_string().back() == 'Z');
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    BOOST_TEST(!daemon.connect().call(
        "load", R"({"model":{"kind":"dummy","base":"a\n\"b","options":{"load_error":"x\ny"}}})"));
    for (const char* part : {"loading", "x\\ny"})
        BOOST_TEST(parse_json(daemon.line_with(part)).has_value(), part);
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_path_that_is_no_utf8_spoils_neither_log_nor_replies, place)
{
    const std::filesystem::path model = directory.path / "caf\xE9", link = directory.path / "link";
    std::filesystem::copy(WARMD_PROJECT "/test/data/demo/model", model);
    std::filesystem::create_directory_symlink(model, link);
    running daemon(socket, {"--log-format", "json"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    BOOST_REQUIRE(ask.call("load", R"({"model":{"base":")" + link.native() + "\"}}").has_value());
    const json::value models = ask.call("models").value();
    BOOST_TEST(json::serialize(models).find("caf\\\\xe9") != std::string::npos);
    daemon.signal(SIGTERM);
    std::size_t lines = 0;
    for (std::string line = daemon.line(); !line.empty(); line = daemon.line(), ++lines)
        BOOST_TEST(parse_json(line).has_value(), line);
    BOOST_TEST(lines >= 3U);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_client_cannot_forge_a_line_of_the_log, place)
{
    running daemon(socket);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    BOOST_TEST(!daemon.connect().call(
        "load", R"({"model":{"kind":"dummy","base":"a","options":{"load_error":"x\nforged"}}})"));
    BOOST_TEST(daemon.line_with("forged").find("x?forged") != std::string::npos);
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_subscriber_sees_one_model_make_room_for_another, place)
{
    running daemon(socket, {"--max-loaded-models", "1"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client watching = daemon.connect(), loading = daemon.connect();
    BOOST_REQUIRE(watching.call("subscribe").has_value());
    std::vector<std::string> keys;
    for (const char* model : {R"({"model":{"kind":"dummy","base":"first"}})",
                              R"({"model":{"kind":"dummy","base":"second"}})"})
        keys.emplace_back(loading.call("load", model).value().at("key").as_string());
    std::vector<std::string> told;
    const auto note = [&](std::string_view method, const json::value& params) {
        BOOST_TEST(method == "event");
        const bool first = params.at("key").as_string() == keys[0];
        const json::value& what =
            params.at(params.at("type").as_string() == "state" ? "to" : "type");
        told.push_back((first ? "first " : "second ") +
                       (what.is_null() ? "none" : std::string(what.as_string())));
    };
    BOOST_REQUIRE(
        watching.call("health", "{}", note).has_value()); // what happened before is sent before
    const words expected{"first waiting",  "first loading",  "first ready",
                         "second waiting", "first closing",  "first evicted",
                         "first none",     "second loading", "second ready"};
    BOOST_TEST(told == expected, boost::test_tools::per_element());

    bp::ipstream out;
    bp::child top(WARMCTL, bp::args = words{"--socket", socket, "top", "--count", "1"},
                  bp::std_out > out);
    const std::string shown{std::istreambuf_iterator<char>(out), {}};
    top.wait();
    BOOST_TEST(top.exit_code() == 0);
    for (const std::string& part : {std::string("warmd 0.1.0: ok, up "), keys[1] + "  ready"})
        BOOST_TEST(shown.find(part) != std::string::npos, shown);
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

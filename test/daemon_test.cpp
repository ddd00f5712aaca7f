// The built warmd: what it says, how it ends, and that it speaks. Nothing here waits but for a line, an answer or an end.

#include "support/daemon.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <csignal>
#include <fstream>

using namespace warmd;
using test::place, test::running;

namespace {

std::string dummy(const std::string& options) { return R"({"model":{"kind":"dummy","base":"slow","options":{)" + options + "}}}"; }

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

BOOST_FIXTURE_TEST_CASE(sighup_changes_nothing, place)
{
    running daemon(socket);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    daemon.signal(SIGHUP);
    BOOST_TEST(!daemon.line_with("SIGHUP ignored").empty());
    BOOST_TEST(daemon.connect().call("health").has_value());
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
    BOOST_TEST(!daemon.connect().call("load", R"({"model":{"kind":"dummy","base":"a\n\"b","options":{"load_error":"x\ny"}}})"));
    for (const char* part : {"loading", "x\\ny"})
        BOOST_TEST(parse_json(daemon.line_with(part)).has_value(), part);
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_client_cannot_forge_a_line_of_the_log, place)
{
    running daemon(socket);
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    BOOST_TEST(!daemon.connect().call("load", R"({"model":{"kind":"dummy","base":"a","options":{"load_error":"x\nforged"}}})"));
    BOOST_TEST(daemon.line_with("forged").find("x?forged") != std::string::npos);
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

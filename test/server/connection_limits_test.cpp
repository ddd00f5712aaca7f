// What bounds one connection; time is given.

#include "server/connection_fixture.hpp"

#include <algorithm>

using namespace warmd;
using namespace warmd::test;

// -- limits ----------------------------------------

BOOST_AUTO_TEST_CASE(at_max_in_flight_reading_stops_and_nothing_is_refused)
{
    served c({.max_in_flight = 2});
    c.send(waiting("1", "a") + waiting("2", "b") + waiting("3", "c") + waiting("4", "d"));
    BOOST_TEST(c.fakes.gates.size() == 2);
    const std::string much(1'000'000, '\n');
    BOOST_TEST(c.send_what_goes(much) < much.size()); // the kernel's buffer fills
    c.open_gate("b");
    BOOST_TEST(c.fakes.gates.size() == 3);
    BOOST_TEST(c.fakes.gates.contains("c"));
    c.open_gate("a");
    c.open_gate("c");
    c.open_gate("d");
    BOOST_TEST(c.received().size() == 4);
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_is_not_served_without_bound)
{
    served c;
    c.send(request("1", "big", R"({"bytes":6000000})") + '\n');
    c.send(waiting("2", "a") + waiting("3", "b"));
    BOOST_TEST(c.fakes.gates.empty());
    BOOST_TEST(c.received().size() == 1);
    BOOST_TEST(c.fakes.gates.size() == 2);
}

BOOST_AUTO_TEST_CASE(progress_is_dropped_and_tokens_are_kept_while_output_is_backed_up)
{
    served c;
    c.send(waiting("1", "a") + request("2", "big", R"({"bytes":6000000})") + '\n');
    c.fakes.callers.at("a")->notify("$/progress", "{}");
    c.fakes.callers.at("a")->notify("$/token", "{}");
    settle(c.io);
    const lines all = c.received();
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(all[1] == R"({"jsonrpc":"2.0","method":"$/token","params":{}})");
    c.fakes.callers.at("a")->notify("$/progress", "{}");
    settle(c.io);
    BOOST_TEST(c.received().size() == 1);
}

BOOST_AUTO_TEST_CASE(
    a_subscriber_that_did_not_read_is_told_how_much_it_missed_before_it_is_sent_more)
{
    served c;
    c.send(request("1", "wait", R"({"gate":"a","subscribe":1})") + '\n');
    const auto from = c.fakes.callers.at("a");
    c.open_gate("a");
    BOOST_TEST(c.received().size() == 1);
    c.send(request("2", "big", R"({"bytes":6000000})") + '\n');
    for (int i = 0; i != 3; ++i)
        from->notify("event", "{}");
    settle(c.io);
    lines all = c.received(); // it reads
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(all[1] == R"({"jsonrpc":"2.0","method":"lost","params":3})");
    from->notify("event", "{}");
    settle(c.io);
    TEST_LINES(c.received(), R"({"jsonrpc":"2.0","method":"event","params":{}})");
}

BOOST_AUTO_TEST_CASE(a_stream_nobody_reads_ends_its_connection_when_it_is_written_not_when_it_ends)
{
    served c({.max_unread_bytes = 2'000'000});
    c.send(waiting("1", "a"));
    const std::string token = '"' + std::string(99'998, 'x') + '"';
    for (int i = 0; i != 30 && c.ends == 0; ++i) {
        c.fakes.callers.at("a")->notify("$/token", token);
        settle(c.io);
    }
    BOOST_TEST(c.ends == 1);
    BOOST_TEST(c.fakes.aborted.size() == 1U);
    BOOST_TEST(c.methods.counted()->connections.slow_reader == 1U);
    BOOST_TEST(c.logged.back().find("max_unread_bytes allows 2000000") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_read_may_be_longer_than_max_unread_bytes)
{
    served c({.max_unread_bytes = 2'000'000});
    c.send(waiting("1", "a"));
    for (int i = 0; i != 30; ++i) {
        c.fakes.callers.at("a")->notify("$/token", '"' + std::string(99'998, 'x') + '"');
        settle(c.io);
        c.receive();
    }
    BOOST_TEST(c.received().size() == 30U);
    BOOST_TEST(c.ends == 0);
    c.open_gate("a");
}

BOOST_AUTO_TEST_CASE(replies_of_batches_that_wait_for_others_count_as_unread)
{
    served c({.max_reply_bytes = 2'000'000, .max_unread_bytes = 2'000'000});
    const auto batch = [](int id) {
        std::string wait = waiting(std::to_string(id), std::to_string(id));
        wait.pop_back();
        return '[' + wait + ',' + request("0", "big", R"({"bytes":900000})") + "]\n";
    };
    c.send(request("0", "big", R"({"bytes":900000})") + '\n'); // the kernel takes part of it
    c.send(batch(1));
    BOOST_TEST(c.ends == 0);
    c.send(batch(2));
    BOOST_TEST(c.ends == 1);
    BOOST_TEST(c.methods.counted()->connections.slow_reader == 1U);
}

// -- what a client may keep the daemon waiting for: time is given
// ----------------------------------------

BOOST_AUTO_TEST_CASE(a_connection_nothing_passes_on_is_closed_and_counted)
{
    served c({.idle_timeout = 10s});
    const std::chrono::steady_clock::time_point start{};
    c.serving->look(start);
    c.serving->look(start + 9s);
    c.send(request("1", "echo") + '\n');
    TEST_LINES(c.received(), success("1", "{}"));
    c.serving->look(start + 12s); // something had passed
    c.serving->look(start + 21s);
    BOOST_TEST(!c.closed_by_us());
    c.serving->look(start + 22s);
    BOOST_TEST(c.closed_by_us());
    BOOST_TEST(c.methods.counted()->connections.idle == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_with_a_request_under_way_is_not_idle)
{
    served c({.idle_timeout = 10s});
    const std::chrono::steady_clock::time_point start{};
    c.send(waiting("1", "gate"));
    c.serving->look(start);
    c.serving->look(start + 1h);
    c.open_gate("gate");
    TEST_LINES(c.received(), success("1", "\"open\""));
}

BOOST_AUTO_TEST_CASE(a_frame_that_does_not_come_whole_is_refused_and_what_is_under_way_answered)
{
    served c({.frame_timeout = 10s});
    const std::chrono::steady_clock::time_point start{};
    c.send(waiting("1", "gate") + "{\"jsonrpc\":");
    c.serving->look(start);
    c.send("\"2.0\",");
    c.serving->look(start + 9s);
    BOOST_TEST(c.received().empty());
    c.serving->look(start + 10s); // some bytes now and then are no frame
    BOOST_TEST(c.only_error() == "null timeout");
    c.open_gate("gate");
    TEST_LINES(c.received(), success("1", "\"open\""));
    BOOST_TEST(c.methods.counted()->connections.half_sent_frame == 1U);
}

BOOST_AUTO_TEST_CASE(frames_that_come_whole_are_never_too_slow)
{
    served c({.frame_timeout = 10s});
    const std::chrono::steady_clock::time_point start{};
    const std::string two = request("1", "echo") + '\n' + request("2", "echo") + '\n';
    const std::size_t cut = two.size() - 5;
    c.send(two.substr(0, cut));
    c.serving->look(start);
    c.send(two.substr(cut));
    c.serving->look(start + 1h);
    c.send(two.substr(0, cut));
    c.serving->look(start + 2h);
    TEST_LINES(c.received(), success("1", "{}"), success("2", "{}"), success("1", "{}"));
}

BOOST_AUTO_TEST_CASE(past_max_in_flight_total_a_request_is_busy_and_a_notification_is_left_out)
{
    served c({.max_in_flight_total = 1});
    c.send(waiting("1", "gate") + request("2", "echo") + "\n" +
           R"({"jsonrpc":"2.0","method":"note"})" + '\n');
    BOOST_TEST(c.only_error() == "2 busy");
    BOOST_TEST(c.methods.counted()->in_flight == 1U);
    c.open_gate("gate");
    TEST_LINES(c.received(), success("1", "\"open\""));
    c.send(request("3", "echo") + '\n');
    TEST_LINES(c.received(), success("3", "{}"));
}

BOOST_AUTO_TEST_CASE(requests_are_counted_by_method_and_outcome)
{
    served c;
    c.send(request("1", "echo") + '\n' + request("2", "fail") + '\n' + request("3", "no_such") +
           "\n{}\n" + waiting("4", "gate") + cancelling("4"));
    c.received();
    const auto& requests = c.methods.counted()->requests;
    const auto failed = [&](const char* method, errc why) {
        return requests.at(method).failed[static_cast<std::size_t>(why)];
    };
    BOOST_TEST(requests.at("echo").ok == 1U);
    BOOST_TEST(failed("fail", errc::internal_error) == 1U);
    BOOST_TEST(failed("unknown", errc::method_not_found) == 1U);
    BOOST_TEST(failed("unknown", errc::invalid_request) == 1U);
    BOOST_TEST(failed("wait", errc::cancelled) == 1U);
}

BOOST_AUTO_TEST_CASE(a_request_is_logged_at_debug_with_its_id_who_asked_and_how_it_ended)
{
    served c({}, log_level::debug);
    c.send(request("\"req-7\"", "echo") + '\n');
    c.received();
    BOOST_REQUIRE_EQUAL(c.logged.size(), 1U);
    BOOST_TEST(c.logged[0].starts_with("request \"req-7\" from user 1234, process 0: echo: ok in "),
               c.logged[0]);
}

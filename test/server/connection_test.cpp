// Frames, requests and batches on one connection.

#include "server/connection_fixture.hpp"

#include <algorithm>

using namespace warmd;
using namespace warmd::test;

// -- framing ----------------------------------------

BOOST_AUTO_TEST_CASE(a_line_is_answered_with_a_line)
{
    served c;
    c.send(request("1", "echo", R"({"a":"b\n"})") + "\r\n\n");
    TEST_LINES(c.received(), success("1", R"({"a":"b\n"})"));
}

BOOST_AUTO_TEST_CASE(content_length_is_answered_with_content_length)
{
    served c;
    std::string frame;
    append_frame(frame, framing::content_length, request("1", "echo"));
    append_frame(frame, framing::content_length, '[' + request("2", "echo") + ']');
    c.send(frame);
    c.receive();
    std::string expected;
    append_frame(expected, framing::content_length, success("1", "{}"));
    append_frame(expected, framing::content_length, '[' + success("2", "{}") + ']');
    BOOST_TEST(c.text == expected);
}

BOOST_AUTO_TEST_CASE(another_first_byte_gets_one_error_line_and_the_end)
{
    served c;
    c.send("XGET / HTTP/1.1\r\n\r\n");
    BOOST_TEST(c.only_error() == "null parse_error");
    BOOST_TEST(c.closed_by_us());
}

BOOST_AUTO_TEST_CASE(
    a_frame_above_the_limit_gets_an_error_and_the_end_even_while_the_client_still_writes)
{
    served c({.max_frame_bytes = 1024});
    c.send(request("1", "echo") + '\n' + '[' + std::string(4'000'000, ' ') + "]\n" +
           request("2", "echo") + '\n');
    lines all = c.received(); // which is first depends on where the first turn ended
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_REQUIRE_EQUAL(std::erase(all, success("1", "{}")), 1U);
    BOOST_TEST(parse_json(all[0]).value().at("error").at("code") == json::value(-32010));
    BOOST_TEST(c.closed_by_us());
}

BOOST_AUTO_TEST_CASE(requests_before_an_unreadable_frame_are_answered)
{
    served c({.max_frame_bytes = 1024});
    c.send(waiting("1", "a") + std::string(2000, '['));
    BOOST_TEST(c.only_error() == "null frame_too_large");
    BOOST_TEST(!c.closed_by_us());
    c.open_gate("a");
    TEST_LINES(c.received(), success("1", "\"open\""));
    BOOST_TEST(c.closed_by_us());
}

BOOST_AUTO_TEST_CASE(what_is_not_json_is_answered_and_the_connection_kept)
{
    served c;
    c.send("{\"jsonrpc\n");
    BOOST_TEST(c.only_error() == "null parse_error");
    c.send(request("1", "echo") + '\n');
    TEST_LINES(c.received(), success("1", "{}"));
}

// -- requests ----------------------------------------

BOOST_AUTO_TEST_CASE(replies_come_in_the_order_in_which_they_are_ready)
{
    served c;
    c.send(waiting("1", "a") + waiting("2", "b") + request("3", "echo") + '\n');
    TEST_LINES(c.received(), success("3", "{}"));
    c.open_gate("b");
    c.open_gate("a");
    TEST_LINES(c.received(), success("2", "\"open\""), success("1", "\"open\""));
}

BOOST_AUTO_TEST_CASE(ids_are_echoed_as_they_were_written)
{
    served c;
    for (const char* id : {"\"x\"", "1.50", "123456789012345678901234567890", "null"}) {
        c.send(request(id, "echo") + '\n');
        TEST_LINES(c.received(), success(id, "{}"));
    }
}

BOOST_AUTO_TEST_CASE(two_requests_with_one_id_get_an_answer_each)
{
    served c;
    c.send(waiting("1", "a") + waiting("1", "b"));
    c.open_gate("b");
    c.open_gate("a");
    TEST_LINES(c.received(), success("1", "\"open\""), success("1", "\"open\""));
}

BOOST_AUTO_TEST_CASE(an_unknown_method_is_method_not_found)
{
    served c;
    c.send(request("1", "no_such") + '\n');
    BOOST_TEST(c.only_error() == "1 method_not_found");
}

BOOST_AUTO_TEST_CASE(a_bug_in_a_method_is_an_internal_error_logged_with_the_id)
{
    served c;
    c.send(request("\"req-7\"", "fail") + '\n');
    BOOST_TEST(c.only_error() == "\"req-7\" internal_error");
    BOOST_REQUIRE_EQUAL(c.logged.size(), 1U);
    BOOST_TEST(c.logged[0].find("\"req-7\"") != std::string::npos);
    c.send(request("1", "echo") + '\n');
    TEST_LINES(c.received(), success("1", "{}"));
}

BOOST_AUTO_TEST_CASE(a_notification_is_carried_out_and_never_answered)
{
    served c;
    c.send(R"({"jsonrpc":"2.0","method":"note","params":{"n":1}})"
           "\n"
           R"({"jsonrpc":"2.0","method":"no_such"})"
           "\n"
           R"({"jsonrpc":"2.0","method":"note","params":[1]})"
           "\n"
           R"({"jsonrpc":"2.0","method":"fail"})"
           "\n");
    TEST_LINES(c.fakes.seen, R"({"n":1})");
    BOOST_TEST(c.received().empty());
}

// -- batches ----------------------------------------

BOOST_AUTO_TEST_CASE(a_batch_is_answered_with_one_array_once_all_are_done)
{
    served c;
    std::string wait = waiting("1", "a");
    wait.pop_back();
    c.send('[' + wait + ',' + request("2", "echo") + R"(,7,{"jsonrpc":"2.0","method":"note"}])" +
           '\n');
    BOOST_TEST(c.received().empty());
    c.open_gate("a");
    const lines all = c.received();
    BOOST_REQUIRE_EQUAL(all.size(), 1U);
    // In the order in which they were ready: what waited is last, and whether the echo or the
    // refusal was first depends on where the first turn ended.
    const json::array replies = parse_json(all[0]).value().as_array();
    BOOST_REQUIRE_EQUAL(replies.size(), 3U);
    const bool echo_first = replies.at(0).at("id") == json::value(2);
    BOOST_TEST(replies.at(echo_first ? 1 : 0).at("error").at("code") == json::value(-32600));
    BOOST_TEST(replies.at(echo_first ? 0 : 1).at("id") == json::value(2));
    BOOST_TEST(replies.at(2).at("id") == json::value(1));
}

BOOST_AUTO_TEST_CASE(a_batch_of_notifications_is_not_answered)
{
    served c;
    c.send(R"([{"jsonrpc":"2.0","method":"note"},{"jsonrpc":"2.0","method":"$/cancelRequest",)"
           R"("params":{"id":1}}])"
           "\n");
    BOOST_TEST(c.fakes.seen.size() == 1);
    BOOST_TEST(c.received().empty());
}

BOOST_AUTO_TEST_CASE(an_empty_batch_is_answered_with_one_error)
{
    served c;
    c.send("[]\n");
    BOOST_TEST(c.only_error() == "null invalid_request");
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_max_in_flight_is_carried_out_in_turn)
{
    served c({.max_in_flight = 2});
    std::string batch;
    for (int i = 0; i != 100; ++i)
        batch += (i ? "," : "[") + request(std::to_string(i), "echo");
    c.send(batch + "]\n");
    const lines all = c.received();
    BOOST_REQUIRE_EQUAL(all.size(), 1U);
    BOOST_TEST(parse_json(all[0]).value().as_array().size() == 100);
}

// How a connection ends.

#include "server/connection_fixture.hpp"

#include <algorithm>

using namespace warmd;
using namespace warmd::test;

BOOST_AUTO_TEST_CASE(after_a_half_close_everything_sent_is_answered_and_then_the_connection_ends)
{
    served c({.max_in_flight = 2});
    c.send(waiting("1", "a") + waiting("2", "b") + waiting("3", "c") +
           request("4", "echo")); // the last without '\n'
    c.half_close();
    BOOST_TEST(c.ends == 0);
    for (const char* name : {"a", "b", "c"})
        c.open_gate(name);
    lines all = c.received();
    std::sort(all.begin(), all.end());
    TEST_LINES(all, success("1", "\"open\""), success("2", "\"open\""), success("3", "\"open\""),
               success("4", "{}"));
    BOOST_TEST(c.closed_by_us());
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(a_half_close_with_nothing_in_flight_ends_the_connection)
{
    served c;
    c.half_close();
    BOOST_TEST(c.ends == 1);
    BOOST_TEST(c.closed_by_us());
}

// What is refused no longer reads, and has to notice the client's end all the same.
BOOST_AUTO_TEST_CASE(a_half_close_after_an_end_of_reading_ends_the_connection)
{
    for (const char* said :
         {"GET /health HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
          "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
          "GET garbage\r\n\r\n", "Content-Length: x\r\n\r\n", "{\n"}) {
        served c;
        c.send(said);
        c.half_close();
        BOOST_TEST(c.ends == 1, said);
        c.receive();
        BOOST_TEST(c.closed_by_us(), said);
    }
}

BOOST_AUTO_TEST_CASE(a_half_close_with_output_still_queued_sends_it_first)
{
    served c;
    c.send(request("1", "big", R"({"bytes":6000000})") + '\n');
    c.half_close();
    BOOST_TEST(c.ends == 0);
    BOOST_TEST(c.received().size() == 1);
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(a_hang_up_cancels_every_request_of_that_client)
{
    served c;
    c.send(waiting("1", "a") + waiting("2", "b"));
    c.client.close();
    settle(c.io);
    BOOST_TEST(c.fakes.aborted.size() == 2);
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(a_hang_up_after_a_half_close_is_noticed)
{
    served c;
    c.send(waiting("1", "a"));
    c.half_close();
    BOOST_TEST(c.fakes.aborted.empty());
    c.client.close();
    settle(c.io);
    BOOST_TEST(c.fakes.aborted.size() == 1);
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(a_hang_up_at_max_in_flight_is_noticed)
{
    served c({.max_in_flight = 1});
    c.send(waiting("1", "a") + waiting("2", "b"));
    c.client.close();
    settle(c.io);
    BOOST_TEST(c.fakes.aborted.size() == 1);
    BOOST_TEST(c.fakes.gates.size() == 1); // the second was never started
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(a_hang_up_with_replies_unread_is_noticed)
{
    served c;
    c.send(waiting("1", "a") + request("2", "big", R"({"bytes":6000000})") + '\n');
    c.client.close();
    settle(c.io);
    BOOST_TEST(c.fakes.aborted.size() == 1);
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(draining_answers_what_has_arrived_and_ends)
{
    served c({.max_in_flight = 1});
    c.send(waiting("1", "a") + waiting("2", "b") + "{\"cut");
    asio::dispatch(c.io, [&] { c.serving->drain(); });
    settle(c.io);
    error_code refused;
    c.client.write_some(asio::buffer("{}\n", 3), refused);
    BOOST_TEST(refused == asio::error::broken_pipe);
    c.open_gate("a");
    c.open_gate("b");
    TEST_LINES(c.received(), success("1", "\"open\""), success("2", "\"open\""));
    BOOST_TEST(c.closed_by_us());
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(draining_an_idle_connection_ends_it)
{
    served c;
    c.serving->drain();
    settle(c.io);
    BOOST_TEST(c.ends == 1);
    c.serving->drain(); // no error
    c.serving->stop();
}

BOOST_AUTO_TEST_CASE(stopping_cancels_everything_at_once_and_answers_nothing_more)
{
    served c;
    c.send(waiting("1", "a") + waiting("2", "b"));
    c.serving->stop();
    c.serving->stop();
    settle(c.io);
    BOOST_TEST(c.fakes.aborted.size() == 2);
    BOOST_TEST(c.ends == 1);
    BOOST_TEST(c.received().empty());
    BOOST_TEST(c.closed_by_us());
}

BOOST_AUTO_TEST_CASE(stopping_while_paused_or_writing_ends_the_connection)
{
    served c({.max_in_flight = 1});
    c.send(request("1", "big", R"({"bytes":6000000})") + '\n' + waiting("2", "a") +
           waiting("3", "b"));
    c.serving->stop();
    settle(c.io);
    BOOST_TEST(c.ends == 1);
}

BOOST_AUTO_TEST_CASE(replies_that_become_ready_together_leave_in_one_write)
{
    served c;
    c.send(waiting("1", "a") + waiting("2", "b") + waiting("3", "c"));
    for (const char* name : {"a", "b", "c"})
        c.fakes.gates.at(name)->deliver(std::string("0"));
    c.io.restart();
    std::size_t arrived = 0;
    while (arrived == 0 && c.io.poll_one() != 0)
        arrived = c.client.available();
    BOOST_TEST(arrived == 3 * (success("1", "0").size() + 1));
}

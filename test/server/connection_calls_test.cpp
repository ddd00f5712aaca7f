// Requests that are taken back, and notifications to the client.

#include "server/connection_fixture.hpp"

#include <algorithm>

using namespace warmd;
using namespace warmd::test;

// -- cancelling ----------------------------------------

BOOST_AUTO_TEST_CASE(a_cancelled_request_is_answered_with_cancelled)
{
    served c;
    c.send(waiting("1", "a") + waiting("2", "b") + cancelling("1"));
    BOOST_TEST(c.only_error() == "1 cancelled");
    BOOST_TEST(c.fakes.aborted == std::set<std::string>{"a"}, boost::test_tools::per_element());
    c.open_gate("b");
    TEST_LINES(c.received(), success("2", "\"open\""));
}

BOOST_AUTO_TEST_CASE(a_request_whose_reply_is_under_way_is_not_cancelled)
{
    served c;
    c.send(waiting("1", "a"));
    c.fakes.gates.at("a")->deliver(std::string("\"open\""));
    c.send(cancelling("1") + request("2", "echo") + '\n' + cancelling("2"));
    TEST_LINES(c.received(), success("1", "\"open\""), success("2", "{}"));
}

BOOST_AUTO_TEST_CASE(ids_to_cancel_are_compared_by_value_and_type)
{
    served c;
    c.send(waiting("1", "a") + waiting("\"1\"", "b") + cancelling("1.0") + cancelling("true") +
           cancelling("2") + cancelling("null"));
    BOOST_TEST(c.received().empty());
    c.send(cancelling("\"1\""));
    BOOST_TEST(c.only_error() == "\"1\" cancelled");
    c.send(cancelling("1"));
    BOOST_TEST(c.only_error() == "1 cancelled");
}

BOOST_AUTO_TEST_CASE(cancelling_an_id_in_flight_twice_cancels_both)
{
    served c;
    c.send(waiting("1", "a") + waiting("1", "b") + cancelling("1"));
    BOOST_TEST(c.received().size() == 2);
    BOOST_TEST(c.fakes.aborted.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_cancellation_without_an_id_is_ignored)
{
    served c;
    c.send(R"({"jsonrpc":"2.0","method":"$/cancelRequest"})"
           "\n" +
           request("1", "echo") + '\n');
    TEST_LINES(c.received(), success("1", "{}"));
}

BOOST_AUTO_TEST_CASE(a_request_past_its_timeout_is_answered_with_timeout)
{
    served c;
    c.send(request("1", "wait", R"({"gate":"a","timeout_ns":1})") + '\n');
    run_until(c.io, [&] { return !c.fakes.aborted.empty(); });
    BOOST_TEST(c.only_error() == "1 timeout");
}

BOOST_AUTO_TEST_CASE(a_timeout_that_has_not_passed_changes_nothing)
{
    served c;
    c.send(request("1", "wait", R"({"gate":"a","timeout_ns":9223372036854775807})") + '\n');
    c.open_gate("a");
    TEST_LINES(c.received(), success("1", "\"open\""));
}

BOOST_AUTO_TEST_CASE(the_first_reason_to_end_early_is_the_answer)
{
    served c;
    c.send(request("1", "wait", R"({"gate":"a","timeout_ns":1})") + '\n' + cancelling("1") +
           cancelling("1"));
    BOOST_TEST(c.received().size() == 1);
}

// -- notifications to the client ----------------------------------------

BOOST_AUTO_TEST_CASE(notifications_arrive_in_order_and_before_the_reply)
{
    served c;
    c.send(request("1", "chatty") + '\n');
    const auto token = [](int n) {
        return R"({"jsonrpc":"2.0","method":"$/token","params":{"n":)" + std::to_string(n) + "}}";
    };
    TEST_LINES(c.received(), token(1), token(2), token(3), token(4), success("1", "\"done\""));
}

BOOST_AUTO_TEST_CASE(a_notification_after_the_reply_or_the_end_has_no_effect)
{
    served c;
    c.send(waiting("1", "a"));
    const auto from = c.fakes.callers.at("a");
    BOOST_TEST(from->peer_uid() == 1234U);
    BOOST_TEST(from->id() == json::value(1));
    c.open_gate("a");
    from->notify("$/token", "{}");
    from->set_timeout(std::chrono::nanoseconds(1));
    settle(c.io);
    TEST_LINES(c.received(), success("1", "\"open\""));
    c.client.close();
    settle(c.io);
    from->notify("$/token", "{}");
}

BOOST_AUTO_TEST_CASE(a_subscribers_notifications_go_on_until_the_connections_end)
{
    served c;
    c.send(request("1", "wait", R"({"gate":"a","subscribe":true})") + '\n');
    const std::weak_ptr<request_peer> from = std::exchange(c.fakes.callers["a"], nullptr);
    c.open_gate("a", std::string("\"subscribed\""));
    TEST_LINES(c.received(), success("1", "\"subscribed\""));
    from.lock()->notify("event", "{}");
    settle(c.io);
    TEST_LINES(c.received(), R"({"jsonrpc":"2.0","method":"event","params":{}})");
    c.client.close();
    settle(c.io);
    BOOST_TEST(from.expired());
}

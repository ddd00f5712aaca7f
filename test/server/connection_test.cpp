#include "server/connection.hpp"

#include "base/handoff.hpp"

#include "support/stepping.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

using namespace warmd;
using namespace warmd::test;
using namespace std::chrono_literals;

namespace {

using answer_of = asio::awaitable<result<std::string>>;
using gate = std::shared_ptr<handoff<result<std::string>>>;

/// Methods that do what a test tells them.
struct fake_methods {
    asio::any_io_executor executor;
    std::map<std::string, gate> gates; // open requests of `wait`, by their param `gate`
    std::map<std::string, std::shared_ptr<request_peer>> callers; // likewise; theirs to notify with
    std::set<std::string> aborted; // gates whose request was cancelled
    std::vector<std::string> seen; // notifications to `note`

    answer_of echo(json::object params, std::shared_ptr<request_peer>)
    {
        co_return json::serialize(params);
    }
    answer_of fail(json::object, std::shared_ptr<request_peer>)
    {
        throw std::logic_error("a bug");
        co_return std::string();
    }
    answer_of note(json::object params, std::shared_ptr<request_peer>)
    {
        seen.push_back(json::serialize(params));
        co_return "null";
    }
    answer_of big(json::object params, std::shared_ptr<request_peer>)
    {
        co_return '"' + std::string(static_cast<std::size_t>(params.at("bytes").as_int64()), 'x') +
            '"';
    }
    /// Waits until its gate opens; `timeout_ns` sets a timeout.
    answer_of wait(json::object params, std::shared_ptr<request_peer> from)
    {
        const std::string name(params.at("gate").as_string());
        if (const json::value* limit = params.if_contains("timeout_ns"))
            from->set_timeout(std::chrono::nanoseconds(limit->as_int64()));
        if (params.contains("subscribe"))
            BOOST_TEST(from->outlive_reply([to = std::weak_ptr(from)](std::size_t dropped) {
                to.lock()->notify("lost", std::to_string(dropped));
            }));
        const gate here = handoff<result<std::string>>::make(executor);
        gates[name] = here;
        callers[name] = std::move(from);
        try {
            result<std::string> opened = co_await here->take();
            co_return opened;
        } catch (const boost::system::system_error&) {
            aborted.insert(name);
            throw;
        }
    }
    /// Notifies from within the handler, before and after a suspension, then answers.
    answer_of chatty(json::object, std::shared_ptr<request_peer> from)
    {
        from->notify("$/token", R"({"n":1})");
        const auto rung = handoff<int>::make(executor);
        std::thread([from, rung] {
            from->notify("$/token", R"({"n":2})");
            from->notify("$/token", R"({"n":3})");
            rung->deliver(1);
        }).join();
        co_await rung->take();
        from->notify("$/token", R"({"n":4})");
        co_return "\"done\"";
    }

    void add_to(dispatcher& to)
    {
        const auto bind =
            [this](answer_of (fake_methods::*what)(json::object, std::shared_ptr<request_peer>)) {
                return method{.at_once = {}, .read = [this, what](const json_node& params) {
                                  return job([this, what, given = params.value().as_object()](
                                                 std::shared_ptr<request_peer> from) {
                                      return (this->*what)(given, std::move(from));
                                  });
                              }};
            };
        to.add("echo", bind(&fake_methods::echo));
        to.add("fail", bind(&fake_methods::fail));
        to.add("note", bind(&fake_methods::note));
        to.add("big", bind(&fake_methods::big));
        to.add("wait", bind(&fake_methods::wait));
        to.add("chatty", bind(&fake_methods::chatty));
    }
};

std::string request(std::string_view id, std::string_view name, std::string_view params = "{}")
{
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"method":")" + std::string(name) +
           R"(","params":)" + std::string(params) + '}';
}
std::string waiting(std::string_view id, std::string_view name)
{
    return request(id, "wait", R"({"gate":")" + std::string(name) + "\"}") + '\n';
}
std::string cancelling(std::string_view id)
{
    return R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":)" + std::string(id) +
           "}}\n";
}
std::string success(std::string_view id, std::string_view value)
{
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"result":)" + std::string(value) +
           '}';
}

using lines = std::vector<std::string>;

/// A connection and the client at the other end, on one context.
struct served {
    explicit served(session_limits limits = {}, log_level level = log_level::info)
    {
        fakes.executor = io.get_executor();
        fakes.add_to(methods);
        connection::socket near(io);
        asio::local::connect_pair(near, client);
        client.non_blocking(true);
        const logger log(level,
                         [this](log_level, std::string_view line) { logged.emplace_back(line); });
        serving = std::make_shared<connection>(std::move(near), 1234U,
                                               std::make_shared<poller>(io.get_executor()), methods,
                                               limits, log);
        asio::dispatch(io, [this] { serving->start([this] { ++ends; }); });
        settle(io);
    }
    ~served()
    {
        if (client.is_open())
            client.close();
        fakes.gates.clear();
        run_to_end(io); // invariant 12
        BOOST_TEST(ends == 1);
        std::weak_ptr<connection> left = serving;
        serving.reset();
        BOOST_TEST(left.expired());
    }

    /// Sends all of `bytes`, letting the connection work, and everything that follows from it
    /// happen.
    void send(std::string_view bytes)
    {
        while (!bytes.empty()) {
            error_code ec;
            const std::size_t n = client.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
            BOOST_REQUIRE_MESSAGE(!ec || ec == asio::error::would_block, ec.message());
            bytes.remove_prefix(n);
            settle(io);
            if (ec == asio::error::would_block)
                receive();
        }
    }
    /// As much as the connection reads of it; how much that is.
    std::size_t send_what_goes(std::string_view bytes)
    {
        std::size_t sent = 0;
        for (error_code ec; !ec && sent != bytes.size();) {
            sent += client.write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), ec);
            settle(io);
        }
        return sent;
    }
    void half_close()
    {
        client.shutdown(connection::socket::shutdown_send);
        settle(io);
    }
    /// Reads what is there into `text`.
    void receive()
    {
        for (error_code ec; !ec;) {
            char bytes[65536];
            const std::size_t n = client.read_some(asio::buffer(bytes), ec);
            text.append(bytes, n);
            at_end = ec == asio::error::eof;
            settle(io);
        }
    }
    /// The lines received since the last call.
    lines received()
    {
        receive();
        lines all;
        for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
            all.push_back(text.substr(0, end));
        return all;
    }
    bool closed_by_us()
    {
        receive();
        return at_end;
    }
    void open_gate(const std::string& name, result<std::string> value = std::string("\"open\""))
    {
        fakes.gates.at(name)->deliver(std::move(value));
        settle(io);
    }
    /// The kind of the only error that has arrived, with its id.
    std::string only_error()
    {
        const lines all = received();
        BOOST_REQUIRE_EQUAL(all.size(), 1U);
        const json::value reply = parse_json(all[0]).value();
        return json::serialize(reply.at("id")) + ' ' +
               std::string(reply.at("error").at("data").at("kind").as_string());
    }

    asio::io_context io{1};
    fake_methods fakes;
    dispatcher methods;
    connection::socket client{io};
    std::vector<std::string> logged;
    std::shared_ptr<connection> serving;
    int ends = 0;
    std::string text;
    bool at_end = false;
};

} // namespace

#define TEST_LINES(got, ...)                                                                       \
    BOOST_TEST((got) == (lines{__VA_ARGS__}), boost::test_tools::per_element())

// -- framing ------------------------------------------------------------

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
    c.send("GET / HTTP/1.1\r\n\r\n");
    BOOST_TEST(c.only_error() == "null parse_error");
    BOOST_TEST(c.closed_by_us());
}

BOOST_AUTO_TEST_CASE(
    a_frame_above_the_limit_gets_an_error_and_the_end_even_while_the_client_still_writes)
{
    served c({.max_frame_bytes = 1024});
    c.send(request("1", "echo") + '\n' + '[' + std::string(4'000'000, ' ') + "]\n" +
           request("2", "echo") + '\n');
    const lines all = c.received();
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(parse_json(all[0]).value().at("error").at("code") == json::value(-32010));
    BOOST_TEST(all[1] == success("1", "{}"));
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

// -- requests ------------------------------------------------------------

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

// -- batches ------------------------------------------------------------

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
    const json::array replies = parse_json(all[0]).value().as_array();
    BOOST_TEST(replies.size() == 3);
    BOOST_TEST(replies.at(0).at("error").at("code") ==
               json::value(-32600)); // in the order in which they were ready
    BOOST_TEST(replies.at(1).at("id") == json::value(2));
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

// -- cancelling ------------------------------------------------------------

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

// -- notifications to the client --------------------------------------------

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

// -- limits ------------------------------------------------------------

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

// -- the end ------------------------------------------------------------

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

// -- what a client may keep the daemon waiting for: time is given -----------

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

// JSON-RPC on a connection, without one: bytes in, turns, replies out.

#include "wire/rpc_conversation.hpp"

#include "support/stepping.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include <malloc.h>

using namespace warmd;
using namespace warmd::test;

namespace {

using answer_of = asio::awaitable<result<std::string>>;
using peer_of_request = std::shared_ptr<request_peer>;

std::string request(std::size_t id, std::string_view method, std::string_view params = "{}")
{
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" +
           std::string(method) + R"(","params":)" + std::string(params) + '}';
}

constexpr std::size_t big_reply = 100'000;

answer_of never(peer_of_request)
{
    asio::steady_timer bell(co_await asio::this_coro::executor,
                            asio::steady_timer::time_point::max());
    co_await bell.async_wait(asio::use_awaitable);
    co_return "null";
}
answer_of null(peer_of_request) { co_return "null"; }
answer_of big(peer_of_request) { co_return '"' + std::string(big_reply, 'x') + '"'; }

/// A connection that is none: its client is the test.
struct carried final : carrier {
    explicit carried(session_limits bounds = {}, logger log = {}) : limits(bounds)
    {
        const auto add = [this](std::string name, answer_of (*run)(peer_of_request)) {
            methods.add(std::move(name),
                        {.at_once = {}, .read = [run](const json_node&) { return job(run); }});
        };
        add("never", never);
        add("null", null);
        add("big", big);
        methods.add("now", {.at_once =
                                [](const json_node&, std::string& out) {
                                    out += '"' + std::string(big_reply, 'n') + '"';
                                    return true;
                                },
                            .read = [](const json_node&) { return job(null); }});
        methods.add("touchy", {.at_once = {}, .read = [this](const json_node&) {
                                   return job([this](peer_of_request from) {
                                       touchy = from;
                                       from->outlive_reply([](std::size_t) {
                                           throw std::runtime_error("a bug in a writer");
                                       });
                                       return null(std::move(from));
                                   });
                               }});
        talk = std::make_unique<rpc_conversation>(*this, methods, limits, log);
    }
    ~carried()
    {
        talk->stop();
        run_to_end(io);
        BOOST_TEST(talk->in_flight() == 0U);
    }

    std::shared_ptr<void> hold() override { return {life, this}; }
    const io_executor& executor() const noexcept override { return on; }
    peer_name peer() const noexcept override { return {1, 0, 42}; }
    outbox& out() noexcept override { return unsent; }
    void wrote() override {}
    void request_ended() override { ++ended; }
    void give_up(std::string_view why) noexcept override { BOOST_ERROR(std::string(why)); }

    /// Sends all of it; how many turns it took.
    std::size_t send(std::string_view bytes)
    {
        std::size_t turns = 0;
        while (!bytes.empty()) {
            const std::span<char> space = talk->space();
            const std::size_t n = std::min(space.size(), bytes.size());
            std::copy_n(bytes.begin(), n, space.begin());
            talk->filled(n);
            bytes.remove_prefix(n);
            turns += work();
        }
        return turns;
    }
    std::size_t work()
    {
        std::size_t turns = 0;
        do {
            ++turns;
            turn left;
            const std::size_t before = unsent.unsent() + talk->held_back();
            asio::dispatch(io, [&] { last = talk->work(left); });
            settle(io);
            const std::size_t made = unsent.unsent() + talk->held_back() - before;
            most_made = std::max(most_made, made);
        } while (last == conversation::standing::unfinished);
        return turns;
    }
    std::string received()
    {
        std::string all;
        for (std::string_view next; !(next = unsent.next()).empty(); unsent.sent(next.size()))
            all += next;
        return all;
    }

    asio::io_context io{1};
    const io_executor on = io.get_executor();
    const std::shared_ptr<void> life = std::make_shared<int>();
    dispatcher methods;
    session_limits limits;
    outbox unsent;
    std::weak_ptr<request_peer> touchy;
    std::unique_ptr<conversation> talk;
    conversation::standing last{};
    std::size_t ended = 0, most_made = 0;
};

std::string batch_of(std::size_t count, std::string_view method)
{
    std::string all = "[";
    for (std::size_t i = 0; i != count; ++i)
        all += (i == 0 ? "" : ",") + request(i, method);
    return all + "]\n";
}

/// What is allocated now; 0 where the allocator does not say.
std::size_t allocated()
{
#ifdef __GLIBC__
    const auto now = ::mallinfo2();
    return now.uordblks + now.hblkhd;
#else
    return 0;
#endif
}

} // namespace

BOOST_AUTO_TEST_CASE(
    a_batch_whose_reply_would_be_too_large_says_so_in_place_of_the_parts_that_do_not_fit)
{
    for (const char* method : {"big", "now"}) {
        carried c({.max_reply_bytes = 10 * big_reply});
        c.send(batch_of(1000, method));
        BOOST_TEST(c.talk->held_back() == 0U);
        const json::array all = parse_json(c.received()).value().as_array();
        BOOST_REQUIRE(all.size() == 1000U);
        std::size_t whole = 0, too_large = 0, bytes = 0;
        for (const json::value& each : all) {
            if (const json::value* result = each.as_object().if_contains("result")) {
                bytes += result->as_string().size();
                ++whole;
            } else {
                too_large += each.at("error").at("data").at("kind") == json::value("too_large");
            }
        }
        BOOST_TEST(whole == 9U);
        BOOST_TEST(whole + too_large == 1000U);
        BOOST_TEST(bytes <= c.limits.max_reply_bytes);
        BOOST_TEST(c.methods.counted()->requests.at(method).ok == 9U);
    }
}

BOOST_AUTO_TEST_CASE(one_turn_makes_a_bounded_amount_of_replies)
{
    carried c;
    BOOST_TEST(c.send(batch_of(200, "now")) >= 200 * big_reply / turn::steps);
    BOOST_TEST(c.most_made <= turn::steps + 2 * big_reply);
    BOOST_TEST(parse_json(c.received()).value().as_array().size() == 200U);
}

BOOST_AUTO_TEST_CASE(one_turn_begins_a_bounded_number_of_requests)
{
    carried c;
    constexpr std::size_t many = 2000, most = turn::steps / turn::a_call;
    BOOST_TEST(c.send(batch_of(many, "big")) >= many / most);
    BOOST_TEST(c.most_made <= most * (big_reply + 100)); // what was begun has been answered
    BOOST_TEST(parse_json(c.received()).value().as_array().size() == many);
}

BOOST_AUTO_TEST_CASE(a_flood_of_cancellations_is_taken_in_turns)
{
    carried c;
    for (std::size_t i = 0; i != 1000; ++i)
        c.send(request(i, "never") + '\n');
    std::string frame = "[";
    for (std::size_t i = 0; i != 20'000; ++i)
        frame += (i == 0 ? "" : ",") +
                 (R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":)" +
                  std::to_string(i + 900) + "}}");
    BOOST_TEST(c.send(frame + "]\n") >= 20'000 * turn::a_message / turn::steps);
    BOOST_TEST(c.talk->in_flight() == 900U);
    BOOST_TEST(c.ended == 100U);
}

BOOST_AUTO_TEST_CASE(a_batch_is_read_through_though_its_own_reply_is_more_than_is_queued_for_others)
{
    carried c;
    const std::size_t enough = rpc_conversation::max_queued_output / big_reply + 10;
    c.send(batch_of(enough, "now"));
    BOOST_TEST((c.last == conversation::standing::full)); // until it is read
    BOOST_TEST(parse_json(c.received()).value().as_array().size() == enough);
    BOOST_TEST(c.talk->has_room());
}

BOOST_AUTO_TEST_CASE(what_a_batch_holds_back_keeps_others_from_being_begun)
{
    carried c;
    std::string frame = batch_of(rpc_conversation::max_queued_output / big_reply + 10, "now");
    frame.insert(1, request(7, "never") + ',');
    c.send(frame);
    BOOST_TEST((c.last == conversation::standing::full));
    BOOST_TEST(c.talk->held_back() > rpc_conversation::max_queued_output);
    BOOST_TEST(c.unsent.unsent() == 0U);
}

BOOST_AUTO_TEST_CASE(what_a_large_frame_needed_is_given_back_when_it_has_been_read)
{
    carried c;
    c.send(request(1, "null") + '\n');
    c.received();
    const std::size_t before = allocated();
    std::string frame = "[1";
    for (int i = 0; i != 1'000'000; ++i)
        frame += ",1";
    c.send(frame + "]\n"); // refused: a batch of too many
    BOOST_TEST(c.received().find("exceeds the limit of 65536") != std::string::npos);
    const std::size_t own = frame.capacity() + 1;
    BOOST_TEST(allocated() < before + own + 300'000);
}

BOOST_AUTO_TEST_CASE(a_writer_that_throws_costs_nobody_else_a_reply)
{
    std::vector<std::string> logged;
    carried c({}, logger(log_level::error,
                         [&](log_level, std::string_view line) { logged.emplace_back(line); }));
    c.send(request(1, "touchy") + '\n');
    c.send(batch_of(rpc_conversation::max_queued_output / big_reply + 10, "now"));
    c.touchy.lock()->notify("event", "{}"); // dropped
    settle(c.io);
    c.received();
    c.talk->caught_up();
    BOOST_REQUIRE(logged.size() == 1U);
    BOOST_TEST(logged[0].find("a bug in a writer") != std::string::npos);
    c.send(request(2, "null") + '\n');
    BOOST_TEST(c.received() == "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":null}\n");
}

BOOST_AUTO_TEST_CASE(a_log_that_throws_leaves_no_request_unanswered)
{
    carried c({}, logger(log_level::debug, [](log_level, std::string_view) {
                  throw std::runtime_error("the disk is full");
              }));
    c.send(request(1, "null") + '\n');
    BOOST_TEST(c.received() == "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
    BOOST_TEST(c.methods.counted()->in_flight == 0U);
}

BOOST_AUTO_TEST_CASE(a_request_knows_the_number_of_its_connection)
{
    carried c;
    c.send(request(1, "touchy") + '\n');
    BOOST_TEST(c.touchy.lock()->origin() == 42U);
}

BOOST_AUTO_TEST_CASE(what_is_thrown_away_after_a_refusal_is_charged_to_the_turn_as_well)
{
    carried c;
    c.send("nonsense\n");
    BOOST_TEST((c.last == conversation::standing::refused));
    turn left;
    std::size_t come = 0;
    while (!left.over() && come < 2 * turn::steps) {
        const std::size_t n = c.talk->space().size();
        c.talk->filled(n);
        come += n;
        BOOST_TEST_REQUIRE((c.talk->work(left) == conversation::standing::refused));
    }
    BOOST_TEST(come >= turn::steps);
    BOOST_TEST(come < turn::steps + 128 * 1024);
    BOOST_TEST(c.received().find("parse_error") != std::string::npos);
    c.talk->end_input(inbox::ending::by_client);
    turn next;
    BOOST_TEST((c.talk->work(next) == conversation::standing::ended));
}

// Responses without an end: what subscribe tells, as Server-Sent Events.

#include "http/http_fixture.hpp"

using namespace warmd;
using test::get, test::http_carried;

namespace {

/// `subscribe` remembers who asked for what.
struct watched : http_carried {
    std::vector<std::weak_ptr<request_peer>> watching;
    std::vector<std::string> asked;
    std::size_t lost = 0;

    watched()
    {
        add("subscribe",
            [this](json::object given, std::shared_ptr<request_peer> from) -> test::answer_of {
                asked.push_back(json::serialize(given));
                const std::weak_ptr<request_peer> to = from;
                if (!from->outlive_reply([this](std::size_t dropped) { lost += dropped; }))
                    co_return failure{errc::busy, "too many"};
                watching.push_back(to);
                co_return R"({"subscribed":[]})";
            });
    }
    void tell(const std::string& event)
    {
        if (const auto to = watching.back().lock())
            to->notify("event", event);
        test::settle(io);
    }
};

std::string pieces(std::string text) { return std::move(text.erase(0, text.find("\r\n\r\n") + 4)); }

} // namespace

BOOST_AUTO_TEST_CASE(events_come_as_they_happen_until_the_client_ends)
{
    watched c;
    c.send(get("/events"));
    const std::string head = c.received();
    BOOST_TEST(head.starts_with("HTTP/1.1 200 OK\r\n"), head);
    BOOST_TEST(head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    BOOST_TEST(c.talk->in_use());
    c.tell(R"({"n":1})");
    BOOST_TEST(c.received() == "f\r\ndata: {\"n\":1}\n\n\r\n");
    c.talk->end_input(inbox::ending::by_client);
    c.work();
    BOOST_TEST(c.received() == "0\r\n\r\n");
    BOOST_TEST(!c.talk->in_use());
    BOOST_TEST(c.watching.back().expired());
}

BOOST_AUTO_TEST_CASE(the_query_names_types)
{
    watched c;
    c.send(get("/events?types=evicted%2Cload_failed,x"));
    BOOST_TEST(c.asked.back() == R"({"events":["evicted","load_failed","x"]})");
    watched none;
    none.send(get("/events?types="));
    BOOST_TEST(none.asked.back() == R"({"events":[]})");
}

BOOST_AUTO_TEST_CASE(a_query_that_means_nothing_is_refused)
{
    watched c;
    const auto said = c.ask(get("/events?kinds=evicted"));
    BOOST_TEST(said.result_int() == 400U);
    BOOST_TEST(parse_json(said.body()).value().at("error").at("param") == json::value("kinds"));
    BOOST_TEST(c.ask(get("/events?types=%zz")).result_int() == 400U);
    BOOST_TEST(c.asked.empty());
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_to_close_stays_open_for_events)
{
    watched c;
    c.send(get("/events", "Connection: close\r\n"));
    c.received();
    BOOST_TEST(c.talk->in_flight() == 1U);
    c.tell("{}");
    BOOST_TEST(c.received() == "a\r\ndata: {}\n\n\r\n");
}

BOOST_AUTO_TEST_CASE(events_wait_for_the_responses_before_them)
{
    watched c;
    c.send(test::post("/rpc/wait", R"({"name":"a"})") + get("/events"));
    c.tell(R"({"n":1})");
    BOOST_TEST(c.received() == "");
    c.ring("a");
    BOOST_TEST(c.received().ends_with("\r\n\r\nf\r\ndata: {\"n\":1}\n\n\r\n"));
}

BOOST_AUTO_TEST_CASE(who_does_not_read_misses_events_and_learns_how_many)
{
    watched c;
    c.send(get("/events"));
    const std::string large = '"' + std::string(1024 * 1024, 'x') + '"';
    for (int i = 0; i != 7; ++i)
        c.tell(large);
    BOOST_TEST(c.lost == 0U);
    BOOST_TEST(pieces(c.received()).size() < 6 * large.size());
    c.talk->caught_up();
    BOOST_TEST(c.lost >= 2U);
    c.tell("{}");
    BOOST_TEST(c.received() == "a\r\ndata: {}\n\n\r\n");
}

BOOST_AUTO_TEST_CASE(what_is_refused_has_its_status_and_head_has_no_events)
{
    watched c;
    c.send("HEAD /events HTTP/1.1\r\nHost: warmd\r\n\r\n");
    BOOST_TEST(c.only_response(true)["content-type"] == "text/event-stream");
    BOOST_TEST(c.asked.empty());
    c.send("GET /events HTTP/1.0\r\n\r\n");
    BOOST_TEST(c.only_response().result_int() == 501U);
    watched rpc;
    BOOST_TEST(rpc.ask(test::post("/rpc/subscribe", "{}")).result_int() == 501U);
}

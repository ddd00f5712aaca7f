// Responses that come in pieces, as Server-Sent Events.

#include "http/http_fixture.hpp"

using namespace warmd;
using test::get, test::http_carried, test::post;

namespace {

/// Tells 1, and once "go" is rung 2 and how it ends.
struct streaming : http_carried {
    explicit streaming(session_limits bounds = {}) : http_carried(bounds)
    {
        add("completions",
            [this](json::object given, std::shared_ptr<request_peer> from) -> test::answer_of {
                if (given.contains("refused"))
                    co_return failure{errc::not_found, "no such model"};
                from->chunk(R"({"n":1})");
                asio::steady_timer& bell =
                    bells.try_emplace("go", io, asio::steady_timer::time_point::max())
                        .first->second;
                ++waiting;
                try {
                    co_await bell.async_wait(asio::use_awaitable);
                } catch (const boost::system::system_error&) {
                    if (!rung.contains("go")) {
                        ++cancelled;
                        throw;
                    }
                }
                from->chunk(R"({"n":2})");
                if (given.contains("fails"))
                    co_return failure{errc::backend_failed, "odd"};
                co_return R"({"whole":true})";
            });
    }
};

const std::string streamed = post("/v1/completions", R"({"stream":true})");

} // namespace

BOOST_AUTO_TEST_CASE(chunks_are_sent_as_they_come)
{
    streaming c;
    c.send(streamed);
    const std::string first = c.received();
    BOOST_TEST(first.starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(first.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    BOOST_TEST(first.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    BOOST_TEST(first.ends_with("\r\n\r\nf\r\ndata: {\"n\":1}\n\n\r\n"), first);
    c.ring("go");
    BOOST_TEST(c.received() == "f\r\ndata: {\"n\":2}\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    BOOST_TEST(c.ask(get("/health")).result_int() == 200U); // the connection goes on
}

BOOST_AUTO_TEST_CASE(without_stream_the_result_is_the_response)
{
    streaming c;
    c.send(post("/v1/completions", "{}"));
    c.ring("go");
    BOOST_TEST(c.only_response().body() == R"({"whole":true})");
}

BOOST_AUTO_TEST_CASE(what_fails_before_anything_was_sent_has_its_status)
{
    streaming c;
    const auto said = c.ask(post("/v1/completions", R"({"stream":true,"refused":1})"));
    BOOST_TEST(said.result_int() == 404U);
    BOOST_TEST(test::error_code_of(said) == "not_found");
}

BOOST_AUTO_TEST_CASE(what_fails_under_way_says_so_in_an_event)
{
    streaming c;
    c.send(post("/v1/completions", R"({"stream":true,"fails":1})"));
    c.ring("go");
    const std::string body = c.only_response().body();
    BOOST_TEST(body.starts_with("data: {\"n\":1}\n\ndata: {\"n\":2}\n\ndata: {\"error\":{"), body);
    BOOST_TEST(body.find("backend_failed") != std::string::npos);
    BOOST_TEST(body.find("[DONE]") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stream_waits_for_the_responses_before_it_and_others_for_its_end)
{
    streaming c;
    c.send(post("/rpc/wait", R"({"name":"a"})") + streamed + get("/health"));
    BOOST_TEST(c.waiting == 2U);
    BOOST_TEST(c.received() == "");
    BOOST_TEST(c.talk->held_back() != 0U);
    c.ring("a");
    const std::string begun = c.received();
    BOOST_TEST(begun.ends_with("data: {\"n\":1}\n\n\r\n"), begun);
    c.ring("go");
    const std::string rest = c.received();
    BOOST_TEST(rest.find("0\r\n\r\nHTTP/1.1 200 OK") != std::string::npos);
    BOOST_TEST(c.talk->held_back() == 0U);
}

BOOST_AUTO_TEST_CASE(a_hang_up_cancels_a_stream)
{
    streaming c;
    c.send(streamed);
    c.talk->stop();
    test::settle(c.io);
    BOOST_TEST(c.cancelled == 1U);
}

BOOST_AUTO_TEST_CASE(http_1_0_has_no_streams)
{
    streaming c;
    const auto said = c.ask("POST /v1/completions HTTP/1.0\r\nContent-Length: 15\r\n"
                            "Content-Type: application/json\r\n\r\n{\"stream\":true}");
    BOOST_TEST(said.result_int() == 501U);
}

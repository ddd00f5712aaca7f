// Requests over HTTP and their responses, without a socket.

#include "http/http_fixture.hpp"

using namespace warmd;
using namespace warmd::test;

// -- what is asked for, and what is said -------------------------------

BOOST_AUTO_TEST_CASE(a_method_is_a_path_parameters_in_result_out)
{
    http_carried c;
    const auto said = c.ask(post("/rpc/echo", R"({"a":[1,"b"]})"));
    BOOST_TEST(said.result_int() == 200U);
    BOOST_TEST(said.body() == R"({"a":[1,"b"]})");
    BOOST_TEST(said["content-type"] == "application/json");
    BOOST_TEST(said.keep_alive());
    BOOST_TEST(c.ask(post("/rpc/echo", "", "")).body() == "{}");
    BOOST_TEST(c.methods.counts_of("echo").ok == 2U);
}

BOOST_AUTO_TEST_CASE(each_failure_has_its_status)
{
    http_carried c;
    const std::map<std::string, unsigned> expected{
        {"invalid_params", 400}, {"permission_denied", 403},
        {"not_found", 404},      {"too_large", 413},
        {"busy", 429},           {"load_failed", 500},
        {"backend_failed", 500}, {"internal_error", 500},
        {"unsupported", 501},    {"shutting_down", 503},
        {"all_pinned", 503},     {"timeout", 504}};
    for (const auto& [kind, status] : expected) {
        const auto said = c.ask(post("/rpc/fail", R"({"code":")" + kind + "\"}"));
        BOOST_TEST(said.result_int() == status, kind);
        BOOST_TEST(error_code_of(said) == kind);
        BOOST_TEST((said.count("Retry-After") != 0) == (status == 429 || status == 503), kind);
    }
}

BOOST_AUTO_TEST_CASE(a_method_that_is_not_there_is_404_by_name)
{
    http_carried c;
    const auto said = c.ask(post("/rpc/no_such", "{}"));
    BOOST_TEST(said.result_int() == 404U);
    BOOST_TEST(error_code_of(said) == "method_not_found");
}

BOOST_AUTO_TEST_CASE(health_is_503_while_no_requests_are_taken)
{
    http_carried c;
    BOOST_TEST(c.ask(get("/health")).result_int() == 200U);
    c.status = "degraded";
    BOOST_TEST(c.ask(get("/health")).result_int() == 200U);
    c.status = "draining";
    BOOST_TEST(c.ask(get("/health?x=1")).result_int() == 503U);
}

BOOST_AUTO_TEST_CASE(metrics_are_text)
{
    http_carried c;
    const auto said = c.ask(get("/metrics"));
    BOOST_TEST(said.body() == "warmd_x 1\n");
    BOOST_TEST(said["content-type"] == "text/plain; version=0.0.4");
}

BOOST_AUTO_TEST_CASE(models_are_listed_by_name_and_what_has_none_by_its_path)
{
    http_carried c;
    const json::value all = parse_json(c.ask(get("/v1/models")).body()).value();
    std::map<std::string, std::string> states;
    for (const json::value& each : all.at("data").as_array())
        states[std::string(each.at("id").as_string())] = each.at("state").as_string();
    const std::map<std::string, std::string> expected{{"verses", "ready"},
                                                      {"half", "unloaded"},
                                                      {"plain", "unloaded"},
                                                      {"/other base", "loading"},
                                                      {"/c", "ready"}};
    BOOST_TEST((states == expected));
    const json::value one = parse_json(c.ask(get("/v1/models/verses")).body()).value();
    BOOST_TEST(one.at("root") == json::value("/b"));
    BOOST_TEST(one.at("parent") == json::value("plain"));
    BOOST_TEST(one.at("max_model_len") == json::value(512));
    BOOST_TEST((one.at("views") == json::value({"base", "ft", "scaled", "null"})));
    const json::value unnamed = parse_json(c.ask(get("/v1/models/%2fc")).body()).value();
    BOOST_TEST(unnamed.at("parent") == json::value("/other base"));
    BOOST_TEST(c.ask(get("/v1/models/%2fother%20base")).result_int() == 200U);
    const json::value half = parse_json(c.ask(get("/v1/models/verses@0.5")).body()).value();
    BOOST_TEST(half.at("id") == json::value("verses@0.5"));
    BOOST_TEST(half.at("root") == json::value("/b"));
    BOOST_TEST(c.ask(get("/v1/models/%2fc:null-7")).result_int() == 200U);
    BOOST_TEST(c.ask(get("/v1/models/verses@x")).result_int() == 404U);
    BOOST_TEST(c.ask(get("/v1/models/none:base")).result_int() == 404U);
    BOOST_TEST(c.ask(get("/v1/models/none")).result_int() == 404U);
    BOOST_TEST(c.ask(get("/v1/models/%zz")).result_int() == 400U);
}

BOOST_AUTO_TEST_CASE(json_rpc_may_be_posted_alone_in_an_array_or_as_notifications)
{
    http_carried c;
    const std::string one = R"({"jsonrpc":"2.0","id":1,"method":"echo","params":{}})";
    BOOST_TEST(c.ask(post("/rpc", one)).body() == R"({"jsonrpc":"2.0","id":1,"result":{}})");
    const std::string told = R"({"jsonrpc":"2.0","method":"echo","params":{}})";
    const auto both = c.ask(post("/rpc", '[' + one + ',' + told + ",7]"));
    const json::array replies = parse_json(both.body()).value().as_array();
    BOOST_TEST(replies.size() == 2U);
    const auto nothing = c.ask(post("/rpc", told));
    BOOST_TEST(nothing.result_int() == 204U);
    BOOST_TEST(nothing.body() == "");
    const auto failed = c.ask(post("/rpc", "{nonsense"));
    BOOST_TEST(failed.result_int() == 200U); // whatever it says
    BOOST_TEST(failed.body().find("-32700") != std::string::npos);
    BOOST_TEST(c.ask(post("/rpc", "[]")).body().find("-32600") != std::string::npos);
}

namespace {

std::string batch_of(std::size_t count, const std::string& method)
{
    std::string all = "[";
    for (std::size_t i = 0; i != count; ++i)
        all += (i == 0 ? "" : ",") + (R"({"jsonrpc":"2.0","id":)" + std::to_string(i)) +
               R"(,"method":")" + method + R"("})";
    return all + ']';
}

} // namespace

BOOST_AUTO_TEST_CASE(a_large_batch_is_carried_out_in_turns_and_no_more_at_once_than_may)
{
    http_carried c({.max_in_flight = 2});
    c.methods.add("now", {.at_once =
                              [](const json_node&, std::string& out) {
                                  out += "1";
                                  return true;
                              },
                          .read = {}});
    const std::size_t count = 20'000;
    c.send(post("/rpc", batch_of(count, "now")));
    BOOST_TEST(c.turns >= count * turn::a_message / turn::steps);
    BOOST_TEST(parse_json(c.only_response().body()).value().as_array().size() == count);
    const auto said = c.ask(post("/rpc", batch_of(100, "echo")));
    BOOST_TEST(parse_json(said.body()).value().as_array().size() == 100U);
    BOOST_TEST(c.talk->held_back() == 0U);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_into_a_batchs_reply_is_too_large_in_its_place)
{
    http_carried c({.max_reply_bytes = 200});
    const auto said = c.ask(post("/rpc", batch_of(10, "health")));
    const json::array replies = parse_json(said.body()).value().as_array();
    BOOST_TEST(replies.size() == 10U);
    BOOST_TEST(replies.at(0).as_object().contains("result"));
    BOOST_TEST(replies.at(9).at("error").at("data").at("kind") == json::value("too_large"));
}

BOOST_AUTO_TEST_CASE(what_needs_a_connection_is_refused_by_name)
{
    http_carried c;
    for (const char* request :
         {R"({"jsonrpc":"2.0","id":1,"method":"subscribe"})",
          R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}})",
          R"({"jsonrpc":"2.0","id":1,"method":"echo","params":{"stream":true}})"}) {
        const auto said = c.ask(post("/rpc", request));
        BOOST_TEST(said.body().find("needs a connection") != std::string::npos, request);
    }
    const auto said = c.ask(post("/rpc/subscribe", "{}"));
    BOOST_TEST(said.result_int() == 501U);
    BOOST_TEST(error_code_of(said) == "unsupported");
}

// -- manners --------------------------------------------------------------

BOOST_AUTO_TEST_CASE(pipelined_requests_run_together_and_are_answered_in_order)
{
    http_carried c;
    c.send(post("/rpc/wait", R"({"name":"a"})") + post("/rpc/wait", R"({"name":"b"})") +
           get("/health"));
    BOOST_TEST(c.waiting == 2U);
    BOOST_TEST(c.received() == "");
    BOOST_TEST(c.talk->held_back() != 0U);
    c.ring("b");
    BOOST_TEST(c.received() == "");
    c.ring("a");
    const auto all = c.responses();
    BOOST_REQUIRE_EQUAL(all.size(), 3U);
    BOOST_TEST(all[0].body() == "\"a\"");
    BOOST_TEST(all[1].body() == "\"b\"");
    BOOST_TEST(all[2].body().find("ok") != std::string::npos);
    BOOST_TEST(c.talk->held_back() == 0U);
}

BOOST_AUTO_TEST_CASE(bytes_may_come_one_by_one)
{
    http_carried c;
    c.send(post("/rpc/echo", R"({"a":1})") +
               "POST /rpc/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3;ext=1\r\n{\"b\r\n4\r\n\":2}\r\n0\r\nTrailer: x\r\n\r\n",
           1);
    const auto all = c.responses();
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(all[0].body() == R"({"a":1})");
    BOOST_TEST(all[1].body() == R"({"b":2})");
}

BOOST_AUTO_TEST_CASE(head_is_get_without_the_body)
{
    http_carried c;
    c.send("HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto said = c.only_response(true);
    BOOST_TEST(said.result_int() == 200U);
    BOOST_TEST(said["content-length"] == "28");
}

BOOST_AUTO_TEST_CASE(options_and_405_say_what_is_allowed)
{
    http_carried c;
    const auto options = c.ask("OPTIONS /rpc HTTP/1.1\r\nHost: x\r\n\r\n");
    BOOST_TEST(options.result_int() == 204U);
    BOOST_TEST(options["allow"] == "POST, OPTIONS");
    const auto wrong = c.ask("DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n");
    BOOST_TEST(wrong.result_int() == 405U);
    BOOST_TEST(wrong["allow"] == "GET, HEAD, OPTIONS");
    BOOST_TEST(c.ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").result_int() == 204U);
    BOOST_TEST(c.ask(get("/nowhere")).result_int() == 404U);
}

BOOST_AUTO_TEST_CASE(who_asks_whether_to_send_is_told_to_go_on)
{
    http_carried c;
    c.send("POST /rpc/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
           "Expect: 100-continue\r\n\r\n");
    BOOST_TEST(c.received() == "HTTP/1.1 100 Continue\r\n\r\n");
    BOOST_TEST(c.ask("{}").body() == "{}");
    const auto other = c.ask("POST /rpc/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                             "Expect: a miracle\r\n\r\n");
    BOOST_TEST(other.result_int() == 417U);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_not_json_is_400_and_one_that_says_so_415)
{
    http_carried c;
    BOOST_TEST(c.ask(post("/rpc/echo", "{nonsense")).result_int() == 400U);
    BOOST_TEST(c.ask(post("/rpc/echo", "[1]")).result_int() == 400U);
    const auto form =
        c.ask(post("/rpc/echo", "a=b", "Content-Type: application/x-www-form-urlencoded\r\n"));
    BOOST_TEST(form.result_int() == 415U);
    const auto with_charset =
        c.ask(post("/rpc/echo", "{}", "Content-Type: Application/JSON; charset=utf-8\r\n"));
    BOOST_TEST(with_charset.result_int() == 200U);
}

BOOST_AUTO_TEST_CASE(a_request_id_is_echoed_or_made)
{
    http_carried c;
    BOOST_TEST(c.ask(get("/health", "X-Request-Id: mine\r\n"))["x-request-id"] == "mine");
    BOOST_TEST(c.ask(get("/health"))["x-request-id"] == "42-2");
    BOOST_TEST(c.ask(get("/health", "X-Request-Id: a b\r\n"))["x-request-id"] == "42-3");
}

BOOST_AUTO_TEST_CASE(connection_close_and_http_1_0_end_the_conversation)
{
    for (const char* request : {"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                "GET /health HTTP/1.0\r\n\r\n"}) {
        http_carried c;
        c.send(request + get("/health"));
        const auto said = c.only_response();
        BOOST_TEST(!said.keep_alive());
        BOOST_TEST((c.last == conversation::standing::refused));
        c.talk->end_input(inbox::ending::by_client);
        c.work();
        BOOST_TEST((c.last == conversation::standing::ended));
    }
}

// -- the end ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_hang_up_cancels_what_runs)
{
    http_carried c;
    c.send(post("/rpc/wait", R"({"name":"a"})"));
    BOOST_TEST(c.talk->in_flight() == 1U);
    c.talk->stop();
    settle(c.io);
    BOOST_TEST(c.cancelled == 1U);
    BOOST_TEST(c.talk->in_flight() == 0U);
    BOOST_TEST(c.received() == "");
}

BOOST_AUTO_TEST_CASE(a_request_that_does_not_come_whole_is_408)
{
    http_carried c;
    c.send("POST /rpc/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{");
    BOOST_TEST(c.talk->in_frame());
    c.talk->refuse_input({errc::timeout, "not whole in time"});
    const auto said = c.only_response();
    BOOST_TEST(said.result_int() == 408U);
    BOOST_TEST(!said.keep_alive());
}

BOOST_AUTO_TEST_CASE(no_more_requests_run_than_may)
{
    http_carried c({.max_in_flight = 2});
    c.send(post("/rpc/wait", R"({"name":"a"})") + post("/rpc/wait", R"({"name":"b"})") +
           post("/rpc/wait", R"({"name":"c"})"));
    BOOST_TEST(c.waiting == 2U);
    c.ring("a");
    BOOST_TEST(c.waiting == 3U);
    c.ring("b");
    c.ring("c");
    BOOST_TEST(c.responses().size() == 3U);
}

BOOST_AUTO_TEST_CASE(with_too_many_under_way_in_all_a_request_is_429)
{
    http_carried c({.max_in_flight_total = 1});
    c.send(post("/rpc/wait", R"({"name":"a"})") + post("/rpc/echo", "{}"));
    c.ring("a");
    const auto all = c.responses();
    BOOST_REQUIRE_EQUAL(all.size(), 2U);
    BOOST_TEST(all[1].result_int() == 429U);
}

BOOST_AUTO_TEST_CASE(a_result_larger_than_replies_may_be_is_413)
{
    http_carried c({.max_reply_bytes = 10});
    const auto said = c.ask(post("/rpc/echo", R"({"a":"more than ten bytes"})"));
    BOOST_TEST(said.result_int() == 413U);
    BOOST_TEST(error_code_of(said) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_header_says_how_long_the_model_is_to_stay)
{
    http_carried c;
    const auto kept = [&](const std::string& header) {
        return c.ask(post("/rpc/who", "", header));
    };
    BOOST_TEST(kept("x-warmd-keep-alive: 1.5\r\n").body() == "[1,1.500000]");
    BOOST_TEST(kept("").body() == "[1,0.000000]");
    for (const char* each : {"1s", "-1", "nan", "1 2"}) {
        const auto said = kept("x-warmd-keep-alive: " + std::string(each) + "\r\n");
        BOOST_TEST(said.result_int() == 400U, each);
        BOOST_TEST(parse_json(said.body()).value().at("error").at("param") ==
                   json::value("x-warmd-keep-alive"));
    }
}

BOOST_AUTO_TEST_CASE(who_asks_through_a_proxy_is_nobodys_user)
{
    http_carried c;
    const std::string nobody = std::to_string(peer_name::no_user);
    for (const char* each : {"Forwarded: for=127.0.0.1\r\n", "X-Forwarded-For: 10.0.0.1\r\n"})
        BOOST_TEST(c.ask(post("/rpc/who", "", each)).body() == '[' + nobody + ",0.000000]");
    const std::string by = "Forwarded: for=_client\r\n";
    BOOST_TEST(c.ask(get("/health", by)).body() == R"({"status":"ok"})");
    BOOST_TEST(c.ask(get("/health", by + "Authorization: Bearer x\r\n")).body() ==
               c.ask(get("/health")).body());
}

BOOST_AUTO_TEST_CASE(the_page_is_for_who_reads_html)
{
    http_carried c;
    const auto said = c.ask(get("/", "Accept: text/html,application/xhtml+xml\r\n"));
    BOOST_TEST(said.result_int() == 200U);
    BOOST_TEST(said["content-type"] == "text/html; charset=utf-8");
    BOOST_TEST(said["content-security-policy"].starts_with("default-src 'none'"));
    BOOST_TEST(said.body().find("<title>warmd</title>") != std::string::npos);
    BOOST_TEST(said.body().find("@S") == std::string::npos);
    BOOST_TEST(c.ask(get("/", "Accept: */*\r\n")).result_int() == 404U);
    BOOST_TEST(c.ask(post("/", "{}")).result_int() == 405U);
}

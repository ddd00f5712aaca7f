// Each limit passed from outside, at a daemon of its own, while another client is served. Nothing
// here waits but for a line, an answer or an end.

#include "support/daemon.hpp"
#include "support/exposition.hpp"
#include "support/raw_client.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace warmd;
using test::place, test::raw_client, test::running, test::words;

namespace {

std::string request(int id, const std::string& method, const std::string& params)
{
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + method +
           R"(","params":)" + params + "}\n";
}
const std::string model = R"("model":{"kind":"dummy","base":"quick"})";
const std::string slow_load =
    R"({"model":{"kind":"dummy","base":"slow","options":{"load_ms":3600000}}})";

/// A daemon with limits, and another client, which is to be served whatever happens: it never
/// counts as idle.
struct limited : place {
    explicit limited(words limits) : daemon(socket, std::move(limits))
    {
        BOOST_REQUIRE(!daemon.line_with("ready").empty());
        other.emplace(daemon.connect());
        BOOST_REQUIRE(other->call("subscribe", R"({"events":["load_failed"]})").has_value());
    }
    ~limited()
    {
        other.reset();
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }
    void other_is_served()
    {
        BOOST_TEST(
            other->call("next_token", "{" + model + R"(,"prompts":["a"],"top_k":1})").has_value());
        BOOST_TEST(other->call("health").value().at("status").as_string() == "ok");
    }
    double stat(const char* name)
    {
        return other->call("stats").value().at(name).to_number<double>();
    }

    running daemon;
    std::optional<client> other;
};

} // namespace

BOOST_AUTO_TEST_CASE(health_names_every_limit)
{
    limited d({"--max-prompts", "7", "--frame-timeout", "90", "--max-unread-bytes", "1G"});
    const json::object limits = d.other->call("health").value().at("limits").as_object();
    BOOST_TEST(limits.at("max_prompts") == json::value(7));
    BOOST_TEST(limits.at("frame_timeout").to_number<double>() == 90);
    BOOST_TEST(limits.at("max_unread_bytes") == json::value(1 << 30));
    for (const char* name : {"max_frame_bytes", "max_json_depth", "max_in_flight",
                             "max_in_flight_total", "max_connections", "max_waiters", "max_tokens",
                             "max_reply_bytes", "idle_connection_timeout", "max_kv_bytes",
                             "prefix_cache_bytes", "answer_cache_bytes", "step_time"})
        BOOST_TEST(limits.contains(name), name);
}

BOOST_AUTO_TEST_CASE(a_frame_above_max_frame_bytes_is_refused_and_its_connection_closed)
{
    limited d({"--max-frame-bytes", "1K"});
    raw_client bad(d.socket);
    bad.send('{' + std::string(2000, ' ') + "}\n");
    BOOST_TEST(bad.kind() == "frame_too_large");
    BOOST_TEST(bad.at_end());
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(json_nested_too_deep_is_refused_and_its_connection_kept)
{
    limited d({});
    raw_client bad(d.socket);
    bad.send(std::string(65, '[') + std::string(65, ']') + '\n' + request(1, "health", "{}"));
    BOOST_TEST(bad.kind() == "parse_error");
    BOOST_TEST(bad.id() == json::value(1));
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(past_max_in_flight_the_daemon_reads_no_more_until_one_is_answered)
{
    limited d({"--max-in-flight", "1"});
    raw_client full(d.socket);
    full.send(request(1, "load",
                      R"({"model":{"kind":"dummy","base":"slow","options":{"load_ms":3600000}},)"
                      R"("timeout":0.2})") +
              request(2, "health", "{}")); // which is answered at once when it is read
    BOOST_REQUIRE(!d.daemon.line_with("loading").empty());
    d.other_is_served();
    BOOST_TEST(full.id() == json::value(1));
    BOOST_TEST(full.id() == json::value(2));
}

BOOST_AUTO_TEST_CASE(past_max_in_flight_total_requests_are_busy_and_hits_answered)
{
    limited d({"--max-in-flight-total", "1"});
    d.other_is_served();
    raw_client first(d.socket), second(d.socket);
    first.send(request(1, "load", slow_load));
    BOOST_REQUIRE(!d.daemon.line_with("loading dummy model slow").empty());
    second.send(request(1, "load", R"({"model":{"kind":"dummy","base":"more"}})"));
    BOOST_TEST(second.kind() == "busy");
    BOOST_TEST(d.other->call("load", "{" + model + "}").value().at("cached") == json::value(true));
    BOOST_TEST(d.other->call("health").has_value());
}

BOOST_AUTO_TEST_CASE(a_connection_past_max_connections_is_told_so_and_closed)
{
    limited d({"--max-connections", "2"});
    raw_client second(d.socket);
    second.send(request(1, "health", "{}"));
    BOOST_TEST(second.id() == json::value(1));
    raw_client third(d.socket);
    BOOST_TEST(third.kind() == "busy");
    BOOST_TEST(third.at_end());
    d.other_is_served();
    BOOST_TEST(d.stat("connections_refused_too_many_total") == 1);
}

BOOST_AUTO_TEST_CASE(a_waiter_past_max_waiters_is_busy)
{
    limited d({"--max-waiters", "1"});
    d.other_is_served();
    raw_client first(d.socket), second(d.socket);
    first.send(request(1, "load", slow_load));
    BOOST_REQUIRE(!d.daemon.line_with("loading dummy model slow").empty());
    second.send(request(1, "load", slow_load));
    BOOST_TEST(second.kind() == "busy");
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(a_request_with_too_many_prompts_is_refused_before_anything_is_loaded)
{
    limited d({"--max-prompts", "2"});
    raw_client bad(d.socket);
    bad.send(request(1, "next_token", "{" + model + R"(,"prompts":["a","b","c"]})"));
    bad.send(
        request(2, "logprob",
                "{" + model +
                    R"(,"items":[{"prompt":"a","completion":"b"},{"prompt":"a","completion":"b"},)"
                    R"({"prompt":"a","completion":"b"}]})"));
    BOOST_TEST(bad.kind() == "invalid_params");
    BOOST_TEST(bad.kind() == "invalid_params");
    BOOST_TEST(d.stat("loads_total") == 0);
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(a_request_of_too_many_tokens_is_refused_be_they_ids_text_or_asked_for)
{
    limited d({"--max-tokens", "8"});
    raw_client bad(d.socket);
    for (const char* more : {R"("prompt":[1,2,3,4,5,6,7,8,9],"max_new_tokens":1})",
                             R"("prompt":"a text of many bytes","max_new_tokens":1})",
                             R"("prompt":"a","max_new_tokens":9})"}) {
        bad.send(request(1, "generate", "{" + model + ',' + more));
        BOOST_TEST(bad.kind() == "invalid_params", more);
    }
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(a_reply_above_max_reply_bytes_is_an_error_instead)
{
    limited d({"--max-reply-bytes", "1K"});
    raw_client bad(d.socket);
    const std::string text = '"' + std::string(400, 'a') + '"';
    for (const auto& [method, more] :
         {std::pair("next_token", std::string(R"("top_k":60,"prompts":["a","b"])")),
          {"rolling_logprob", R"("texts":[)" + text + ']'},
          {"logprob", R"("items":[{"prompt":"a","completion":)" + text + "}]"},
          {"tokenize", R"("text":)" + text}}) {
        bad.send(request(1, method, "{" + model + ',' + more + '}'));
        BOOST_TEST(bad.kind() == "too_large", method);
    }
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(distributions_that_no_reply_can_hold_are_refused_before_they_are_made)
{
    limited d({"--max-reply-bytes", "1K"});
    raw_client bad(d.socket);
    const std::string slow =
        R"("model":{"kind":"dummy","base":"slow","options":{"call_ms":3600000}})";
    for (const char* method : {"next_token", "divergence"}) {
        bad.send(request(1, method, "{" + slow + R"(,"prompts":["a","b"],"top_k":1000000})"));
        BOOST_TEST(bad.kind() == "too_large", method);
    }
    d.other_is_served();
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_its_replies_is_cut_off_and_counted)
{
    limited d({"--max-unread-bytes", "1M", "--max-reply-bytes", "1M"});
    d.other_is_served();
    raw_client deaf(d.socket);
    std::string prompts = R"("a")";
    for (int i = 1; i != 32; ++i)
        prompts += R"(,"a")";
    std::string all;
    for (int i = 0; i != 64; ++i)
        all += request(i, "next_token", "{" + model + R"(,"prompts":[)" + prompts + "]}");
    deaf.send(all);
    BOOST_REQUIRE(!d.daemon.line_with("max_unread_bytes").empty());
    d.other_is_served();
    BOOST_TEST(deaf.at_end());
    BOOST_TEST(d.stat("connections_closed_slow_reader_total") == 1);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_and_one_in_use_is_not)
{
    limited d({"--idle-connection-timeout", "100ms"});
    raw_client idle(d.socket);
    BOOST_TEST(idle.at_end());
    d.other_is_served();
    BOOST_TEST(d.stat("connections_closed_idle_total") == 1);
}

BOOST_AUTO_TEST_CASE(a_half_sent_frame_is_refused_after_a_while_and_its_connection_closed)
{
    limited d({"--frame-timeout", "100ms"});
    raw_client half(d.socket);
    half.send("{\"jsonrpc\":");
    BOOST_TEST(half.kind() == "timeout");
    BOOST_TEST(half.at_end());
    d.other_is_served();
    BOOST_TEST(d.stat("connections_closed_half_sent_frame_total") == 1);
}

BOOST_AUTO_TEST_CASE(metrics_are_what_prometheus_reads)
{
    limited d({});
    d.other_is_served();
    BOOST_TEST(
        !d.other
             ->call("load",
                    R"({"model":{"kind":"dummy","base":"bad","options":{"load_error":"no"}}})")
             .has_value());
    const json::value told = d.other->call("metrics").value();
    BOOST_TEST(told.at("content_type").as_string() == "text/plain; version=0.0.4");
    const std::string text(told.at("text").as_string());
    const test::exposition_reader read(text);
    for (const std::string& fault : read.faults())
        BOOST_ERROR(fault);
    BOOST_TEST(read.samples().at(R"(warmd_requests_total{method="next_token",outcome="ok"})") == 1);
    BOOST_TEST(read.samples().at(R"(warmd_requests_total{method="load",outcome="load_failed"})") ==
               1);
    BOOST_TEST(read.samples().at("warmd_load_seconds_count") == 2);
    BOOST_TEST(read.samples().at("warmd_run_seconds_count") == 1);
    BOOST_TEST(read.samples().at("warmd_tokens_in_total") == 1);
    const std::filesystem::path file = d.directory.path / "metrics";
    std::ofstream(file) << text;
    if (std::system("command -v promtool >/dev/null") == 0) // Debian: prometheus
        BOOST_TEST(std::system(("promtool check metrics < " + file.native()).c_str()) == 0);
    else
        BOOST_TEST_MESSAGE("promtool is not installed: read by our own rules only");
}

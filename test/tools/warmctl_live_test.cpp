// What warmctl shows while it waits, watches and looks on.

#include "tools/warmctl_runs.hpp"

#include <algorithm>
#include <csignal>
#include <future>

using namespace warmd;
using namespace warmd::test;

BOOST_AUTO_TEST_CASE(generate_prints_the_text_once_streamed_or_not)
{
    const auto serve = [](const json::object& request) {
        std::string lines;
        if (request.at("params").as_object().contains("stream"))
            for (const std::string text : {"In the", " beg\\n"})
                lines += R"({"jsonrpc":"2.0","method":"$/token","params":{"id":1,"text":")" + text +
                         R"(","token_id":1,"logprob":-1}})" + '\n';
        return lines +
               answer(request,
                      R"({"text":"In the beg\n!","token_ids":[1],"finish_reason":"length"})");
    };
    for (const words& more : std::vector<words>{{}, {"--stream"}}) {
        scripted_peer peer(serve);
        words typed{"--socket", peer.path(), "generate", "-m", "/m", "x"};
        typed.insert(typed.end(), more.begin(), more.end());
        BOOST_TEST(run(typed).out == "In the beg\n!\n");
        BOOST_TEST(peer.finish().at(0).at("params").as_object().contains("stream") ==
                   !more.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_load_is_watched_on_a_terminal_and_leaves_no_trace)
{
    const auto serve = [](const json::object& request) {
        std::string lines;
        for (const std::string value :
             {R"({"stage":"waiting_for_room","position":2})",
              R"({"stage":"loading","bytes_done":500000000,"bytes_total":2000000000})",
              R"({"stage":"running"})"})
            lines += R"({"jsonrpc":"2.0","method":"$/progress","params":{"id":1,"value":)" + value +
                     "}}\n";
        return lines + answer(request, R"({"text":"x"})");
    };
    for (const bool terminal : {true, false}) {
        scripted_peer peer(serve);
        program_input input;
        input.terminal = terminal;
        const program_result said =
            run({"--socket", peer.path(), "generate", "-m", "/m", "x"}, input);
        BOOST_TEST(said.out == "x\n");
        BOOST_TEST(said.err == (terminal ? "waiting for room, position 2\033[K"
                                           "\rloading [#######-----------------------] 25 %, 500.0 "
                                           "MB of 2.0 GB\033[K\r\033[K"
                                         : ""));
        BOOST_TEST(peer.finish().at(0).at("params").as_object().contains("progress") == terminal);
    }
}

BOOST_AUTO_TEST_CASE(an_interrupt_hangs_up_and_exits_130)
{
    std::promise<void> asked;
    scripted_peer peer([&](const json::object&) {
        asked.set_value();
        return std::string();
    });
    program_input input;
    input.words = {WARMCTL, "--socket", peer.path(), "load", "-m", "/m"};
    program waiting(input);
    asked.get_future().wait();
    ::kill(waiting.id(), SIGINT);
    BOOST_TEST(waiting.result().status == 130);
    BOOST_TEST(peer.finish().size() == 1u); // returns only once the connection is closed
}

// -- watch ------------------------------------------------------------

namespace {

std::string event(const std::string& params)
{
    return R"({"jsonrpc":"2.0","method":"event","params":)" + params + "}\n";
}

const std::vector<std::string> some_events{
    R"({"type":"state","time":1767225600.25,"key":"a-1","from":null,"to":"waiting",)"
    R"("reason":"requested"})",
    R"({"type":"evicted","time":1767225601,"key":"a-1","reason":"capacity"})",
    R"({"type":"load_failed","time":1767225602,"key":"a-1","message":"no\u001b[2J","cause":"c"})",
    R"({"type":"close_failed","time":1767225603,"key":"a-1","message":"why"})",
    R"({"type":"lost","time":1767225604,"count":3})",
    R"({"type":"newer","time":1767225605,"key":"a-1","x":1})",
};

/// What `watch` prints of some_events before the peer hangs up.
program_result watched(const words& more, std::vector<json::object>& asked)
{
    scripted_peer peer(
        [](const json::object& request) {
            std::string lines = event(some_events[0]) + answer(request, R"({"subscribed":[]})");
            for (std::size_t i = 1; i != some_events.size(); ++i)
                lines += event(some_events[i]);
            return lines;
        },
        true);
    words typed{"--socket", peer.path(), "watch"};
    typed.insert(typed.end(), more.begin(), more.end());
    program_input input;
    input.environment = {"TZ=UTC0"};
    const program_result said = run(typed, input);
    asked = peer.finish();
    return said;
}

} // namespace

BOOST_AUTO_TEST_CASE(watch_prints_a_line_for_each_event_and_ends_with_status_3_when_the_daemon_goes)
{
    std::vector<json::object> asked;
    const program_result said = watched({"evicted", "state"}, asked);
    BOOST_TEST(said.out ==
               "2026-01-01 00:00:00.250  state         a-1  none -> waiting (requested)\n"
               "2026-01-01 00:00:01.000  evicted       a-1  capacity\n"
               "2026-01-01 00:00:02.000  load_failed   a-1  no\\x1b[2J\n"
               "2026-01-01 00:00:03.000  close_failed  a-1  why\n"
               "2026-01-01 00:00:04.000  lost          3 events were not sent, because what came "
               "before them was not read in time\n"
               "2026-01-01 00:00:05.000  newer         a-1  "
               "{\"type\":\"newer\",\"time\":1767225605,\"key\":\"a-1\",\"x\":1}\n");
    BOOST_TEST(said.status == 3);
    check_contains(said.err, "hung up");
    BOOST_REQUIRE(asked.size() == 1U);
    BOOST_TEST(asked[0].at("method").as_string() == "subscribe");
    BOOST_TEST(json::serialize(asked[0].at("params")) == R"({"events":["evicted","state"]})");
}

BOOST_AUTO_TEST_CASE(watch_prints_events_as_json_as_they_came)
{
    std::vector<json::object> asked;
    std::string expected;
    for (const std::string& each : some_events)
        expected += each + '\n';
    BOOST_TEST(watched({"--json"}, asked).out == expected);
}

BOOST_AUTO_TEST_CASE(watch_ends_quietly_at_an_interrupt)
{
    std::promise<void> asked;
    scripted_peer peer([&](const json::object& request) {
        asked.set_value();
        return answer(request, R"({"subscribed":[]})");
    });
    program_input input;
    input.words = {WARMCTL, "--socket", peer.path(), "watch"};
    program watching(input);
    asked.get_future().wait();
    ::kill(watching.id(), SIGINT);
    const program_result said = watching.result();
    BOOST_TEST(said.status == 130);
    BOOST_TEST(said.out + said.err == "");
}

// -- top ------------------------------------------------------------

namespace {

/// A daemon with one model, for top; `looks` counts the samples taken of it.
struct daemon_to_look_at {
    int looks = 0;
    std::promise<void> looked; // once
    scripted_peer peer{[this](const json::object& request) { return serve(request); }};

    std::string serve(const json::object& request)
    {
        const auto method = request.at("method").as_string();
        if (method == "health")
            return answer(
                request,
                R"({"status":"degraded","ready":true,"reasons":["a-1 is late"],"version":"1.2",)"
                R"("pid":1,)"
                R"("uptime_seconds":192,"loaded_models":[],"max_loaded_models":2,)"
                R"("oldest_waiter_seconds":0})");
        if (method == "stats") // each look later: two steps, of 10 tokens and 50 ms each
            return answer(request,
                          R"({"hits_total":3,"misses_total":1,"joins_total":0,"loaded_models":1,)"
                          R"("charged_bytes":2000000,"waiting_tokens_interactive":200,)"
                          R"("waiting_tokens_batch":1000,"answers_remembered_total":7,)"
                          R"("prefix_tokens_total":60,"step_rows_count":)" +
                              std::to_string(2 + 2 * looks) + R"(,"step_rows_sum":)" +
                              std::to_string(180 + 20 * looks) + R"(,"step_seconds_sum":)" +
                              std::to_string(0.2 + 0.1 * looks) + '}');
        if (++looks == 1)
            looked.set_value();
        return answer(
            request,
            R"({"models":[{"key":"a-1","state":"ready","bytes":2000000,"estimated_bytes":1,)"
            R"("leases":1,"waiters":0,)"
            R"("pinned":false,"load_seconds":1,"idle_seconds":null,"expires_in_seconds":null,)"
            R"("generation":"g",)"
            R"("running":2,"queued_tokens":1200,"kv_bytes":0,"tokenizer":"base","calls":)" +
                std::to_string(looks == 3 ? 1'000'012 : 12) + "}]}");
    }
};

const std::string waiting = "2 running, 1200 tokens waiting (1000 batch); ",
                  since_the_start =
                      "90.0 tokens a step of 100.0 ms\nreused: 25.0 % of tokens, 7 answers\n",
                  since_then =
                      "10.0 tokens a step of 50.0 ms\nreused: 0.0 % of tokens, 0 answers\n";
std::string header(const std::string& steps)
{
    return "warmd 1.2: degraded, up 3 min 12 s; 1 of at most 2 models, 2.0 MB; "
           "hits 3 (75.0 %)\n" +
           waiting + steps +
           "a-1 is late\n\n"
           "KEY  STATE    SIZE  RUN  QUEUED  WAIT  IDLE  EXPIRES  CALLS/S\n";
}
const std::string row = "a-1  ready  2.0 MB    2    1200     0     -        -        ";

} // namespace

BOOST_AUTO_TEST_CASE(top_in_a_pipe_prints_one_table_below_the_other)
{
    daemon_to_look_at daemon;
    const program_result said =
        run({"--socket", daemon.peer.path(), "top", "--count", "2", "--interval", "0.1"});
    BOOST_TEST(said.status == 0);
    BOOST_TEST(said.out == header(since_the_start) + row + "-\n\n" + header(since_then) +
                               row.substr(0, row.size() - 2) + "0.0\n");
}

BOOST_AUTO_TEST_CASE(top_as_json_prints_each_look_on_a_line)
{
    daemon_to_look_at daemon;
    const program_result said =
        run({"--socket", daemon.peer.path(), "--json", "top", "--count", "2", "--interval", "0.1"});
    BOOST_TEST(std::count(said.out.begin(), said.out.end(), '\n') == 2);
    const json::value first = parse_json(said.out.substr(0, said.out.find('\n'))).value();
    BOOST_TEST(first.at("models").at(0).at("key").as_string() == "a-1");
    BOOST_TEST(first.at("health").at("version").as_string() == "1.2");
}

BOOST_AUTO_TEST_CASE(top_tells_calls_per_second)
{
    daemon_to_look_at daemon;
    const program_result said =
        run({"--socket", daemon.peer.path(), "top", "--count", "3", "--interval", "0.1"});
    const double rate = std::stod(said.out.substr(said.out.rfind(' ')));
    BOOST_TEST(rate > 0); // a million calls in at least a tenth of a second
    BOOST_TEST(rate <= 1e7);
}

BOOST_AUTO_TEST_CASE(top_on_a_terminal_draws_in_place_until_q_and_gives_it_back)
{
    daemon_to_look_at daemon;
    program_input input;
    input.words = {WARMCTL, "--socket", daemon.peer.path(), "top", "--interval", "3600"};
    input.terminal = input.screen = true;
    program looking(input);
    daemon.looked.get_future().wait();
    looking.type("xq");
    const program_result said = looking.result();
    BOOST_TEST(said.status == 0);
    BOOST_TEST(said.restored);
    BOOST_TEST(said.err.starts_with("\033[?1049h\033[?25l\033[?7l\033[Hwarmd 1.2: degraded"),
               said.err);
    const std::size_t given_back = said.err.find("\033[?7h\033[?25h\033[?1049l");
    BOOST_REQUIRE(given_back != std::string::npos);
    check_contains(said.err.substr(given_back), row); // the last table stays
    BOOST_TEST(said.err.find('x', given_back) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(top_gives_the_terminal_back_at_an_interrupt_and_when_the_daemon_goes)
{
    for (const bool interrupt : {true, false}) {
        std::promise<void> asked;
        scripted_peer peer([&](const json::object&) {
            asked.set_value();
            return interrupt ? std::optional<std::string>("") : std::nullopt;
        });
        program_input input;
        input.words = {WARMCTL, "--socket", peer.path(), "top"};
        input.terminal = input.screen = true;
        program looking(input);
        asked.get_future().wait();
        if (interrupt)
            ::kill(looking.id(), SIGINT);
        const program_result said = looking.result();
        BOOST_TEST(said.status == (interrupt ? 130 : 3));
        BOOST_TEST(said.restored);
        check_contains(said.err, "\033[?7h\033[?25h\033[?1049l");
        if (!interrupt)
            check_contains(said.err.substr(said.err.find("\033[?1049l")), "hung up");
    }
}

// Engines in processes of their own: what they answer, and what becomes of them.

#include "support/daemon.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

using namespace warmd;
using test::running, test::words;

namespace {

const std::string demo = WARMD_TEST_DATA "/demo/";

/// A daemon that knows the workers of this file.
struct workers : test::place {
    workers()
    {
        std::ofstream(config) << R"({"workers": {
            "child": {"command": [")" WARMD R"(", "--stdio"], "sandbox": false},
            "canned": {"command": [")" WARMD_PROJECT R"(/tools/workers/canned"], "sandbox": false},
            "hand": {"command": [")" WARMD_TEST_DATA R"(/workers/by_hand.py"], "paths": "opaque",
                     "stall_timeout": 2, "stop_timeout": 0.2, "env": {"PYTHONUNBUFFERED": "1"}},
            "none": {"command": ["/nowhere/at all"], "paths": "opaque"},
            "mute": {"command": ["/bin/cat"], "paths": "opaque", "load_timeout": 0.2},
            "rude": {"command": ["/bin/echo", "Loading"], "paths": "opaque"}}})";
        daemon.emplace(socket, words{"--config", config, "--max-loaded-models", "4"});
        BOOST_REQUIRE(!daemon->line_with("ready").empty());
        ask.emplace(daemon->connect());
    }
    ~workers()
    {
        ask.reset();
        if (daemon)
            daemon->signal(SIGTERM);
        if (daemon)
            BOOST_TEST(daemon->status() == 0);
    }

    json::value call(std::string_view method, const std::string& params)
    {
        const auto told = ask->call(method, params);
        BOOST_REQUIRE_MESSAGE(told, method << ": " << (told ? "" : told.error().detail));
        return *told;
    }
    failure refusal(std::string_view method, const std::string& params)
    {
        const auto told = ask->call(method, params);
        BOOST_REQUIRE_MESSAGE(!told, json::serialize(told ? *told : json::value()));
        return told.error();
    }
    static std::string hand(const std::string& more = {})
    {
        return R"({"model":{"kind":"hand","base":"x"})" + more + '}';
    }
    static std::string prompt(const std::string& text)
    {
        return hand(R"(,"prompts":[")" + text + "\"]");
    }
    /// The worker's row in `models`.
    json::value worker()
    {
        const json::value told = call("models", "{}");
        for (const json::value& each : told.at("models").as_array())
            if (!each.at("worker").is_null() && each.at("state").as_string() == "ready")
                return each.at("worker");
        return nullptr;
    }

    const std::string config = directory.path / "warmd.conf";
    std::optional<running> daemon;
    std::optional<client> ask;
};

/// Waits for the end of a process that is not ours.
struct watched_process {
    explicit watched_process(pid_t pid)
        : descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)))
    {
        BOOST_REQUIRE(descriptor >= 0);
    }
    ~watched_process() { ::close(descriptor); }
    bool ends()
    {
        pollfd one{.fd = descriptor, .events = POLLIN, .revents = 0};
        return ::poll(&one, 1, 60'000) == 1;
    }
    int descriptor;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(the_engine_in_a_process_of_its_own_answers_the_same, workers)
{
    const auto of = [&](const std::string& kind) {
        return R"({"model":{"kind":")" + kind + R"(","base":")" + demo + R"(model","adapter":")" +
               demo + R"(adapter"})";
    };
    const std::map<std::string, std::vector<std::string>> asked{
        {"tokenize", {R"("text":"The king said")"}},
        {"detokenize", {R"("ids":[5,6,7])"}},
        {"next_token",
         {R"("prompts":["The king","In the beginning"],"top_k":5)",
          R"("prompts":["The king"],"view":"base")",
          R"("prompts":["The king"],"view":{"scaled":0.5},"bos":true)",
          R"("prompts":["The king"],"view":{"null":{"seed":7}})",
          R"("prompts":["x",[999999]],"on_error":"item")"}},
        {"logprob", {R"("items":[{"prompt":"The","completion":" king"}])"}},
        {"rolling_logprob", {R"("texts":["The king said unto him"])"}},
        {"generate",
         {R"("prompt":"And it came","max_new_tokens":8)",
          R"("prompt":"And","max_new_tokens":8,"temperature":1,"seed":5,"stop":["."])"}},
        {"divergence", {R"("prompts":["The king","The prince"])"}}};
    for (const auto& [method, all] : asked)
        for (const std::string& params : all) {
            const auto answer = [&, &called = method](const std::string& kind) {
                return json::serialize(call(called, of(kind) + ',' + params + '}'));
            };
            BOOST_TEST(answer("child") == answer("hf"), method << ' ' << params);
        }
    const auto child = refusal("next_token", of("child") + R"(,"prompts":[[999999]]})");
    const auto own = refusal("next_token", of("hf") + R"(,"prompts":[[999999]]})");
    BOOST_TEST((child.code == own.code));
    BOOST_TEST(child.detail == own.detail);
}

BOOST_FIXTURE_TEST_CASE(tokens_are_streamed_and_what_is_cancelled_ends, workers)
{
    std::string streamed;
    const auto told = ask->call("generate",
                                R"({"model":{"kind":"canned","base":")" + demo +
                                    R"(model"},"prompt":"ab",)"
                                    R"("max_new_tokens":4,"stream":true})",
                                [&](std::string_view name, const json::value& params) {
                                    if (name == "$/token")
                                        streamed += params.at("text").as_string();
                                });
    BOOST_REQUIRE(told);
    BOOST_TEST(streamed == told->at("text").as_string());
    BOOST_TEST(streamed.size() == 4U);
    const auto why = refusal("generate", R"({"model":{"kind":"canned","base":")" + demo +
                                             R"(model"},"prompt":"ab","timeout":0.3,)"
                                             R"("max_new_tokens":1000000})");
    BOOST_TEST((why.code == errc::timeout));
}

BOOST_FIXTURE_TEST_CASE(the_canned_example_does_what_it_can_and_the_rest_is_refused_by_name,
                        workers)
{
    const std::string model = R"({"model":{"kind":"canned","base":")" + demo + R"(model"})";
    BOOST_TEST(call("divergence", model + R"(,"prompts":["a","b"]})").at("mean").as_double() > 0);
    BOOST_TEST(call("rolling_logprob", model + R"(,"texts":["abc"]})")
                   .at("results")
                   .at(0)
                   .at("total_logprob")
                   .as_double() < 0);
    BOOST_TEST(
        refusal("next_token", model + R"(,"prompts":["a"],"view":{"null":{"seed":1}}})").detail ==
        "the worker canned has no view 'null'");
    BOOST_TEST(
        refusal("render", model + R"(,"messages":[{"role":"user","content":"x"}]})").detail ==
        "the worker canned has no operation 'render'");
}

BOOST_FIXTURE_TEST_CASE(one_written_by_hand_works_and_is_seen, workers)
{
    BOOST_TEST(call("next_token", prompt("hello")).at("distributions").at(0).at("vocab_size") ==
               256);
    const json::value seen = worker();
    BOOST_TEST(seen.at("kind").as_string() == "hand");
    BOOST_TEST(seen.at("state").as_string() == "serving");
    BOOST_TEST(seen.at("restarts").as_int64() == 0);
    BOOST_TEST(seen.at("sandbox").as_string() == "none: its paths are not local");
    BOOST_TEST(::kill(static_cast<pid_t>(seen.at("pid").as_int64()), 0) == 0);
    watched_process process(static_cast<pid_t>(seen.at("pid").as_int64()));
    call("unload", R"({"all":true})");
    BOOST_TEST(process.ends());
    BOOST_TEST(call("health", "{}").at("status").as_string() == "ok");
}

BOOST_FIXTURE_TEST_CASE(whatever_goes_wrong_is_told_and_the_next_load_works, workers)
{
    const std::map<std::string, std::string> troubles{
        {"kill", "was ended by signal 9 (Killed); it last wrote 'asked for kill'"},
        {"abort", "was ended by signal 6 (Aborted); it last wrote 'asked for abort'"},
        {"exit", "ended with status 3; it last wrote 'asked for exit'"},
        {"stop", "for its stall_timeout of 2 s"},
        {"close", "closed its standard input or output"},
        {"print", "it wrote 'Loading checkpoint shards' to its standard output where a frame"},
        {"huge", "it began a frame of 99999999999 bytes"},
        {"twice", "answered what was not asked, or twice"},
        {"other", "answered what was not asked, or twice"},
        {"nan", "answered with distributions[0].logprobs"},
        {"grandchild", "ended with status 4"}};
    std::int64_t restarts = 0;
    for (const auto& [trouble, told] : troubles) {
        BOOST_TEST_CONTEXT(trouble)
        {
            call("load", hand());
            const json::value seen = worker();
            BOOST_TEST(seen.at("restarts").as_int64() == restarts++);
            const auto group = static_cast<pid_t>(seen.at("pid").as_int64());
            if (trouble == "twice" || trouble == "other")
                (void)ask->call("next_token", prompt(trouble)); // answered, or not: once
            else
                BOOST_TEST(refusal("next_token", prompt(trouble)).detail.find(told) !=
                           std::string::npos);
            const failure next = refusal("next_token", prompt("hello")); // in its back-off
            BOOST_TEST((next.code == errc::backend_failed));
            BOOST_TEST(next.detail.find(told) != std::string::npos, next.detail);
            call("reload", "{}"); // closes the breaker
            call("load", hand()); // waits for the end of the old one
            BOOST_TEST(::kill(-group, 0) != 0);
            BOOST_TEST(errno == ESRCH);
            BOOST_TEST(call("next_token", prompt("hello")).at("distributions").as_array().size() ==
                       1U);
            call("unload", R"({"all":true})");
            ++restarts;
        }
    }
    BOOST_TEST(call("health", "{}").at("status").as_string() == "ok");
}

BOOST_FIXTURE_TEST_CASE(one_that_dies_again_and_again_is_not_started_for_a_while, workers)
{
    for (int i = 0; i != 3; ++i) {
        call("load", hand());
        refusal("next_token", prompt("exit"));
    }
    const failure why = refusal("load", hand());
    BOOST_TEST((why.code == errc::load_failed));
    BOOST_TEST(why.detail.find("has died 3 times") != std::string::npos, why.detail);
    const json::value health = call("health", "{}");
    BOOST_TEST(health.at("status").as_string() == "degraded");
    BOOST_TEST(health.at("workers").at(0).at("state").as_string() == "broken");
    call("reload", "{}");
    call("load", hand());
    BOOST_TEST(call("health", "{}").at("status").as_string() == "ok");
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_started_or_says_no_hello_is_a_failed_load, workers)
{
    const auto refused = [&](const std::string& kind) {
        const failure why = refusal("load", R"({"model":{"kind":")" + kind + R"(","base":"x"}})");
        BOOST_TEST((why.code == errc::load_failed));
        return why.detail;
    };
    BOOST_TEST(refused("none").find("/nowhere/at all could not be run: No such file") !=
               std::string::npos);
    BOOST_TEST(refused("mute").find("broke the protocol") != std::string::npos);
    BOOST_TEST(refused("rude").find("it wrote 'Loading' to its standard output where a frame") !=
               std::string::npos);
    BOOST_TEST(
        (refusal("load", R"({"model":{"kind":"other","base":"x"}})").code == errc::invalid_params));
    BOOST_TEST((refusal("load", R"({"model":{"kind":"child","base":"/nowhere"}})").code ==
                errc::not_found));
}

BOOST_FIXTURE_TEST_CASE(a_kind_may_come_and_go_with_the_configuration, workers)
{
    std::ofstream(config) << R"({"workers": {"new": {"command": [")" WARMD_TEST_DATA
                             R"(/workers/by_hand.py"], "paths": "opaque"}}})";
    call("reload", "{}");
    call("load", R"({"model":{"kind":"new","base":"x"}})");
    BOOST_TEST((refusal("load", hand()).code == errc::unsupported));
}

BOOST_FIXTURE_TEST_CASE(when_the_daemon_is_killed_its_worker_ends, workers)
{
    call("load", hand());
    watched_process process(static_cast<pid_t>(worker().at("pid").as_int64()));
    daemon->signal(SIGKILL);
    BOOST_TEST(daemon->status() == -SIGKILL);
    daemon.reset();
    BOOST_TEST(process.ends());
}

// The methods through the dispatcher, on a cache of dummy models. Both executors are stepped by
// hand on one thread.

#include "base/time_source.hpp"
#include "methods/methods.hpp"
#include <warmd/json_writer.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <cmath>
#include <map>
#include <set>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

json::value parsed(const std::string& text) { return parse_json(text).value(); }

struct fake_peer : request_peer {
    json::value the_id = 7;
    unsigned uid = ::geteuid();
    std::vector<std::pair<std::string, json::value>> heard;
    std::optional<std::chrono::nanoseconds> timeout;
    std::vector<std::function<void(std::size_t)>> kept; // of subscriptions

    const json::value& id() const noexcept override { return the_id; }
    unsigned peer_uid() const noexcept override { return uid; }
    void notify(std::string_view name, std::string params) override
    {
        heard.emplace_back(name, parsed(params));
    }
    void set_timeout(std::chrono::nanoseconds limit) override { timeout = limit; }
    bool outlive_reply(std::function<void(std::size_t)> caught_up) override
    {
        if (kept.size() == 2)
            return false;
        kept.push_back(std::move(caught_up));
        return true;
    }
};

struct daemon_of_test {
    asio::io_context io{1}, workers{1};
    backend_registry registry;
    daemon_info info{.version = "1.2.3",
                     .started = std::chrono::steady_clock::now(),
                     .limits = {},
                     .draining = [this] { return draining; },
                     .shut_down = [this](auto grace) { shutdowns.push_back(grace); },
                     .reload = [this](auto told) { reloads.push_back(std::move(told)); }};
    std::optional<backend_cache> cache;
    dispatcher methods;
    bool draining = false;
    std::vector<std::optional<std::chrono::nanoseconds>> shutdowns;
    std::vector<std::function<void(result<model_changes>)>> reloads;
    std::shared_ptr<fake_peer> from = std::make_shared<fake_peer>();
    std::pair<std::string, std::string> asked; // method and parameters
    json_document given;                       // those parameters
    std::optional<result<std::string>> answered;

    explicit daemon_of_test(time_source time = real_time())
    {
        registry.add("dummy", dummy_loader());
        const asio::any_io_executor work = workers.get_executor();
        cache.emplace(io.get_executor(), worker_executors{work, work, work}, registry, info.limits,
                      logger(), std::move(time));
        add_methods(methods, *cache, info);
    }
    ~daemon_of_test()
    {
        asio::co_spawn(io, cache->drain(1min), [](std::exception_ptr, bool) {});
        settle();
        cache.reset();
        settle();
        BOOST_TEST(io.stopped());
        BOOST_TEST(workers.stopped());
    }

    void settle()
    {
        do {
            io.restart();
            workers.restart();
        } while (io.poll() + workers.poll() != 0);
    }
    void begin(std::string name, const std::string& params)
    {
        answered.reset();
        asked = {std::move(name), params};
        const rpc::request request{nullptr, asked.first, given.read(asked.second).value()};
        asio::co_spawn(io, methods.answer(request, from),
                       [this](std::exception_ptr trouble, result<std::string> reply) {
                           BOOST_TEST(!trouble);
                           answered = std::move(reply);
                       });
    }
    result<std::string> ask(std::string name, const std::string& params)
    {
        begin(std::move(name), params);
        settle();
        BOOST_REQUIRE(answered.has_value());
        return *answered;
    }
    json::value result_of(std::string name, const std::string& params = "{}")
    {
        const auto reply = ask(std::move(name), params);
        BOOST_REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().detail));
        return parsed(*reply);
    }
    failure refusal_of(std::string name, const std::string& params)
    {
        const auto reply = ask(name, params);
        BOOST_REQUIRE_MESSAGE(!reply, name + ' ' + params + " was not refused");
        return reply.error();
    }
    std::vector<std::string> loaded()
    {
        std::vector<std::string> bases;
        const json::value health = result_of("health");
        for (const json::value& model : health.at("loaded_models").as_array())
            bases.emplace_back(model.at("base").as_string());
        return bases;
    }
};

const std::string a = R"("model":{"kind":"dummy","base":"a"})",
                  b = R"("model":{"kind":"dummy","base":"b"})";
std::string with(const std::string& more, const std::string& model = a)
{
    return '{' + model + ',' + more + '}';
}
std::string only(const std::string& model) { return '{' + model + '}'; }

std::set<std::string> names_in(const json::value& object)
{
    std::set<std::string> names;
    for (const auto& member : object.as_object())
        names.emplace(member.key());
    return names;
}
using names = std::set<std::string>;

double number(const json::value& value) { return value.to_number<double>(); }

} // namespace

// -- operations ------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(tokenize_and_detokenize_are_inverse, daemon_of_test)
{
    const json::value made =
        result_of("tokenize", with(R"("text":"hi","add_special_tokens":false)"));
    BOOST_TEST(json::serialize(made) == R"({"ids":[104,105],"tokens":["h","i"]})");
    BOOST_TEST(json::serialize(result_of("tokenize", with(R"("text":[104,105])"))) ==
               json::serialize(made));
    BOOST_TEST(json::serialize(result_of("detokenize",
                                         with(R"("ids":[104,105],"skip_special_tokens":true)"))) ==
               R"({"text":"hi"})");
}

BOOST_FIXTURE_TEST_CASE(next_token_gives_one_distribution_for_each_prompt, daemon_of_test)
{
    const json::value made =
        result_of("next_token", with(R"("prompts":["ab",[98],"x"],"top_k":3)"));
    const json::array& all = made.at("distributions").as_array();
    BOOST_TEST(all.size() == 3U);
    BOOST_TEST((names_in(all[0]) == names{"token_ids", "logprobs", "tail_logprob", "vocab_size"}));
    BOOST_TEST(all[0].at("token_ids").as_array().size() == 3U);
    BOOST_TEST(number(all[0].at("logprobs").at(0)) >= number(all[0].at("logprobs").at(1)));
    BOOST_TEST(number(all[0].at("tail_logprob")) < 0);
    BOOST_TEST(number(all[0].at("vocab_size")) == 256);
    BOOST_TEST(json::serialize(all[0]) ==
               json::serialize(all[1])); // the dummy looks at the last token only
    BOOST_TEST(json::serialize(all[0]) != json::serialize(all[2]));
}

BOOST_FIXTURE_TEST_CASE(a_whole_vocabulary_has_no_tail, daemon_of_test)
{
    const json::value made = result_of("next_token", with(R"("prompts":["ab"])"));
    BOOST_TEST(made.at("distributions").at(0).at("tail_logprob").is_null());
    BOOST_TEST(made.at("distributions").at(0).at("logprobs").as_array().size() == 256U);
    BOOST_TEST(
        result_of("next_token", with(R"("prompts":[])")).at("distributions").as_array().empty());
}

BOOST_FIXTURE_TEST_CASE(views_are_told_apart_and_ft_is_the_default, daemon_of_test)
{
    const auto through = [&](const std::string& view) {
        return json::serialize(
            result_of("next_token", with(R"("prompts":["ab"],"top_k":5)" + view)));
    };
    BOOST_TEST(through("") == through(R"(,"view":"ft")"));
    BOOST_TEST(through(R"(,"view":{"scaled":1})") == through(R"(,"view":"ft")"));
    BOOST_TEST(through(R"(,"view":{"scaled":0.0})") == through(R"(,"view":"base")"));
    BOOST_TEST(through(R"(,"view":"base")") != through(R"(,"view":"ft")"));
    BOOST_TEST(through(R"(,"view":{"null":{"seed":5}})") !=
               through(R"(,"view":{"null":{"seed":6}})"));
    BOOST_TEST(through(R"(,"view":{"null":{"seed":5}})") ==
               through(R"(,"view":{"null":{"seed":5,"init_scale":0.02,"rank_scale":1.0}})"));
}

BOOST_FIXTURE_TEST_CASE(logprob_sums_the_completions_tokens, daemon_of_test)
{
    const json::value made = result_of(
        "logprob",
        with(R"("items":[{"prompt":"ab","completion":"cd"},{"prompt":[],"completion":[99,100]}])"));
    const json::value& first = made.at("results").at(0);
    BOOST_TEST((names_in(first) == names{"logprob", "num_tokens", "token_ids", "logprobs"}));
    BOOST_TEST(json::serialize(first.at("token_ids")) == "[99,100]");
    BOOST_TEST(number(first.at("num_tokens")) == 2);
    BOOST_TEST(number(first.at("logprob")) ==
                   number(first.at("logprobs").at(0)) + number(first.at("logprobs").at(1)),
               boost::test_tools::tolerance(1e-6));
    // Nothing precedes the second item's first token: it is not scored, and num_tokens says so.
    BOOST_TEST(number(made.at("results").at(1).at("num_tokens")) == 1);
}

BOOST_FIXTURE_TEST_CASE(rolling_logprob_scores_all_but_the_first_token, daemon_of_test)
{
    const json::value made =
        result_of("rolling_logprob", with(R"("texts":["abc","",[97]],"view":"base")"));
    const json::value& first = made.at("results").at(0);
    BOOST_TEST((names_in(first) == names{"token_ids", "logprobs", "num_tokens", "total_logprob",
                                         "mean_logprob", "perplexity"}));
    BOOST_TEST(number(first.at("num_tokens")) == 3);
    BOOST_TEST(first.at("logprobs").as_array().size() == 2U);
    BOOST_TEST(number(first.at("mean_logprob")) == number(first.at("total_logprob")) / 2,
               boost::test_tools::tolerance(1e-12));
    BOOST_TEST(number(first.at("perplexity")) == std::exp(-number(first.at("mean_logprob"))),
               boost::test_tools::tolerance(1e-12));
    for (std::size_t i : {1, 2}) {
        BOOST_TEST(number(made.at("results").at(i).at("total_logprob")) == 0);
        BOOST_TEST(number(made.at("results").at(i).at("mean_logprob")) == 0);
        BOOST_TEST(number(made.at("results").at(i).at("perplexity")) == 1);
    }
}

BOOST_FIXTURE_TEST_CASE(generate_answers_with_text_ids_and_reason, daemon_of_test)
{
    const json::value made = result_of(
        "generate",
        with(R"("prompt":"ab","max_new_tokens":4,"temperature":0.5,"top_p":0.9,"top_k":5,)"
             R"("seed":18446744073709551615,"stop":["zz"])"));
    BOOST_TEST((names_in(made) == names{"text", "token_ids", "finish_reason"}));
    BOOST_TEST(made.at("token_ids").as_array().size() == 4U);
    BOOST_TEST(made.at("finish_reason").as_string() == "length");
    BOOST_TEST(from->heard.empty());
}

BOOST_FIXTURE_TEST_CASE(a_streamed_generation_notifies_each_token_before_the_result, daemon_of_test)
{
    const json::value made =
        result_of("generate", with(R"("prompt":"ab","max_new_tokens":3,"stream":true)"));
    BOOST_REQUIRE(from->heard.size() == 3U);
    std::string text;
    for (std::size_t i = 0; i != 3; ++i) {
        const auto& [name, params] = from->heard[i];
        BOOST_TEST(name == "$/token");
        BOOST_TEST((names_in(params) == names{"id", "text", "token_id", "logprob"}));
        BOOST_TEST(params.at("id") == json::value(7));
        BOOST_TEST(params.at("token_id") == made.at("token_ids").at(i));
        text += params.at("text").as_string();
    }
    BOOST_TEST(text == std::string_view(made.at("text").as_string()));
}

BOOST_FIXTURE_TEST_CASE(divergence_reports_each_prompt_and_their_mean, daemon_of_test)
{
    const json::value js = result_of("divergence", with(R"("prompts":["ab","cd"])"));
    BOOST_TEST((names_in(js) == names{"kind", "per_prompt", "mean", "max", "ci_95"}));
    BOOST_TEST(js.at("kind").as_string() == "js");
    BOOST_TEST(js.at("per_prompt").as_array().size() == 2U);
    BOOST_TEST(number(js.at("mean")) ==
                   (number(js.at("per_prompt").at(0)) + number(js.at("per_prompt").at(1))) / 2,
               boost::test_tools::tolerance(1e-12));
    BOOST_TEST(number(js.at("ci_95").at(0)) <= number(js.at("mean")));
    BOOST_TEST(number(js.at("ci_95").at(1)) >= number(js.at("mean")));
    BOOST_TEST(result_of("divergence", with(R"("prompts":["ab"],"kind":"kl","top_k":8)"))
                   .at("kind")
                   .as_string() == "kl");
    const json::value same =
        result_of("divergence", with(R"("prompts":["ab"],"from":"ft","to":{"scaled":1})"));
    BOOST_TEST(number(same.at("mean")) == 0);
}

// -- residency ------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(load_tells_what_is_resident_and_whether_it_was, daemon_of_test)
{
    const json::value first = result_of("load", only(a));
    BOOST_TEST((names_in(first) == names{"key", "model", "state", "cached", "joined",
                                         "load_seconds", "bytes", "generation"}));
    BOOST_TEST(first.at("state").as_string() == "ready");
    BOOST_TEST(first.at("cached") == json::value(false));
    BOOST_TEST(number(first.at("bytes")) == 1 << 20);
    BOOST_TEST(
        json::serialize(first.at("model")) ==
        R"({"kind":"dummy","base":"a","adapter":null,"dtype":"fp32","device":"cpu","entry_point":null,"options":{}})");
    const json::value again = result_of("load", only(a));
    BOOST_TEST(again.at("cached") == json::value(true));
    BOOST_TEST(again.at("key") == first.at("key"));
}

BOOST_FIXTURE_TEST_CASE(models_lists_every_member_of_every_entry, daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", with(R"("pin":true)", b));
    result_of("tokenize", with(R"("text":"x")"));
    const json::value made = result_of("models");
    const json::array& rows = made.at("models").as_array();
    BOOST_REQUIRE(rows.size() == 2U);
    BOOST_TEST((names_in(rows[0]) == names{"key", "model", "state", "bytes", "shared_bytes",
                                           "estimated_bytes", "leases", "waiters", "pinned",
                                           "load_seconds", "idle_seconds", "expires_in_seconds",
                                           "generation", "calls"}));
    BOOST_TEST(rows[0].at("model").at("base").as_string() == "b"); // least recently used first
    BOOST_TEST(rows[0].at("pinned") == json::value(true));
    BOOST_TEST(rows[1].at("pinned") == json::value(false));
    BOOST_TEST(number(rows[1].at("calls")) == 1);
    BOOST_TEST(number(rows[1].at("leases")) == 0);
    BOOST_TEST(number(rows[1].at("idle_seconds")) >= 0);
    BOOST_TEST(rows[1].at("expires_in_seconds").is_null());
}

BOOST_FIXTURE_TEST_CASE(observation_never_counts_as_use, daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", only(b));
    for (int i = 0; i != 3; ++i)
        for (const char* name : {"health", "models", "stats"})
            result_of(name);
    BOOST_TEST(loaded() == (std::vector<std::string>{"a", "b"}));
    result_of(
        "load",
        R"({"model":{"kind":"dummy","base":"c"}})"); // at most two: the least recently used goes
    BOOST_TEST(loaded() == (std::vector<std::string>{"b", "c"}));
}

BOOST_FIXTURE_TEST_CASE(unload_takes_a_model_a_key_or_all, daemon_of_test)
{
    const std::string key(result_of("load", only(a)).at("key").as_string());
    BOOST_TEST(result_of("unload", only(a)).at("unloaded").at(0).as_string() == key);
    result_of("load", only(a));
    BOOST_TEST(
        result_of("unload", R"({"key":")" + key + R"("})").at("unloaded").at(0).as_string() == key);
    result_of("load", only(a));
    result_of("load", only(b));
    BOOST_TEST(
        result_of("unload", R"({"all":true,"wait":false})").at("unloaded").as_array().size() == 2U);
    BOOST_TEST(result_of("unload", R"({"all":true})").at("unloaded").as_array().empty());
    BOOST_TEST(loaded().empty());
}

BOOST_FIXTURE_TEST_CASE(unload_of_what_is_not_loaded_is_not_found, daemon_of_test)
{
    BOOST_TEST((refusal_of("unload", only(a)).code == errc::not_found));
    BOOST_TEST((refusal_of("unload", R"({"key":"none"})").code == errc::not_found));
    BOOST_TEST((refusal_of("pin", only(a)).code == errc::not_found));
    BOOST_TEST((refusal_of("unpin", R"({"key":"none"})").code == errc::not_found));
}

BOOST_FIXTURE_TEST_CASE(a_pinned_model_is_not_evicted_until_it_is_unpinned, daemon_of_test)
{
    const std::string key(result_of("load", only(a)).at("key").as_string());
    BOOST_TEST(json::serialize(result_of("pin", only(a))) ==
               R"({"key":")" + key + R"(","pinned":true})");
    result_of("load", only(b));
    result_of("load", R"({"model":{"kind":"dummy","base":"c"}})");
    BOOST_TEST(loaded() == (std::vector<std::string>{"a", "c"}));
    BOOST_TEST(result_of("unpin", R"({"key":")" + key + R"("})").at("pinned") ==
               json::value(false));
    result_of("load", only(b));
    BOOST_TEST(loaded() == (std::vector<std::string>{"c", "b"}));
}

BOOST_FIXTURE_TEST_CASE(a_load_failure_names_kind_base_and_cause_to_every_waiter, daemon_of_test)
{
    const std::string broken =
        R"({"model":{"kind":"dummy","base":"sick","options":{"load_error":"disk on fire"}}})";
    for (const char* name : {"load", "load"}) { // an explicit load tries again
        const failure why = refusal_of(name, broken);
        BOOST_TEST((why.code == errc::load_failed));
        BOOST_TEST(!why.cached);
        for (const char* part : {"dummy", "sick", "disk on fire"})
            BOOST_TEST(why.detail.find(part) != std::string::npos, why.detail << " lacks " << part);
        BOOST_TEST(why.cause.find("disk on fire") != std::string::npos);
    }
    const std::string asking = broken.substr(0, broken.size() - 1) + R"(,"text":"x"})";
    BOOST_TEST(refusal_of("tokenize", asking).cached);
}

// -- what every method with a model takes -----------------------------------

BOOST_FIXTURE_TEST_CASE(progress_is_sent_only_when_asked_for_and_ends_with_running, daemon_of_test)
{
    result_of("tokenize", with(R"("text":"x","progress":false)"));
    BOOST_TEST(from->heard.empty());
    result_of("tokenize", with(R"("text":"x","progress":true)", b));
    BOOST_REQUIRE(from->heard.size() >= 2U);
    std::set<std::string> stages;
    for (const auto& [name, params] : from->heard) {
        BOOST_TEST(name == "$/progress");
        BOOST_TEST(params.at("id") == json::value(7));
        stages.emplace(params.at("value").at("stage").as_string());
        if (const json::value* fraction = params.at("value").as_object().if_contains("fraction"))
            BOOST_TEST((number(*fraction) >= 0 && number(*fraction) <= 1));
    }
    BOOST_TEST(stages.contains("loading"));
    BOOST_TEST(from->heard.back().second.at("value").at("stage").as_string() == "running");
}

BOOST_FIXTURE_TEST_CASE(a_timeout_reaches_the_caller_and_only_with_sound_parameters, daemon_of_test)
{
    refusal_of("tokenize", with(R"("text":1,"timeout":1.5)"));
    BOOST_TEST(!from->timeout.has_value());
    result_of("tokenize", with(R"("text":"x","timeout":1.5)"));
    BOOST_TEST((from->timeout == 1500ms));
    result_of("load", with(R"("timeout":1e300)"));
    BOOST_TEST((from->timeout == 1'000'000'000s));
    result_of("load", with(R"("timeout":1e-300)"));
    BOOST_TEST((from->timeout == 1ns));
}

BOOST_FIXTURE_TEST_CASE(every_method_with_a_model_takes_timeout_progress_and_keep_alive,
                        daemon_of_test)
{
    const std::string also = R"(,"timeout":5,"progress":true,"keep_alive":0)";
    for (const auto& [name, own] : std::vector<std::pair<std::string, std::string>>{
             {"load", R"("pin":true)"},
             {"tokenize", R"("text":"x")"},
             {"detokenize", R"("ids":[1])"},
             {"next_token", R"("prompts":["x"])"},
             {"logprob", R"("items":[])"},
             {"rolling_logprob", R"("texts":[])"},
             {"generate", R"("prompt":"x","max_new_tokens":1)"},
             {"divergence", R"("prompts":["x"])"},
             {"pin", R"("keep_alive":0)"},
             {"unpin", R"("keep_alive":0)"},
             {"unload", R"("wait":true)"},
         }) {
        result_of(name, with(own + (own.find("keep_alive") == std::string::npos
                                        ? also
                                        : R"(,"timeout":5,"progress":true)")));
        for (const char* wrong : {R"("timeout":0)", R"("timeout":-1)", R"("timeout":"1")",
                                  R"("progress":1)", R"("keep_alive":-0.5)"}) {
            const failure why = refusal_of(name, with(wrong));
            BOOST_TEST((why.code == errc::invalid_params), name << ' ' << wrong);
        }
    }
}

// -- faults in parameters ---------------------------------------------------

BOOST_FIXTURE_TEST_CASE(faulty_parameters_are_refused_by_name, daemon_of_test)
{
    struct fault {
        std::string method, params, named;
    };
    const std::vector<fault> faults{
        {"health", R"({"x":1})", "'x'; health takes none"},
        {"models", R"({"x":1})", "'x'"},
        {"stats", R"({"x":1})", "'x'"},
        {"load", "{}", "model is missing"},
        {"load", R"({"model":[]})", "model must be"},
        {"load", R"({"model":{"kind":"dummy"}})", "model.base is missing"},
        {"load", R"({"model":{"kind":"dummy","base":"a","bas":1}})", "model.bas"},
        {"load", with(R"("pin":"yes")"), "pin must be true or false, found \"yes\""},
        {"load", with(R"("pinned":true)"),
         "unknown parameter 'pinned'; load takes model, pin, timeout, progress, keep_alive"},
        {"unload", "{}", "exactly one of model, key, and all"},
        {"unload", R"({"all":false})", "exactly one"},
        {"unload", with(R"("all":true)"), "exactly one"},
        {"unload", with(R"("key":"k")"), "exactly one"},
        {"unload", R"({"key":1})", "key must be a string"},
        {"unload", R"({"all":true,"wait":0})", "wait must be"},
        {"unload", R"({"keys":["k"]})", "'keys'; unload takes model, key, all, wait"},
        {"pin", "{}", "pin needs exactly one of model and key"},
        {"unpin", with(R"("key":"k")"), "unpin needs exactly one"},
        {"tokenize", only(a), "text is missing"},
        {"tokenize", with(R"("text":["x"])"), "text must be"},
        {"tokenize", with(R"("text":"x","add_special_tokens":null)"), "add_special_tokens must be"},
        {"detokenize", only(a), "ids is missing"},
        {"detokenize", with(R"("ids":"x")"), "ids must be"},
        {"detokenize", with(R"("ids":[1,2.5])"), "found 2.5"},
        {"detokenize", with(R"("ids":[-1])"), "found -1"},
        {"detokenize", with(R"("ids":[2147483648])"), "found 2147483648"},
        {"next_token", only(a), "prompts is missing"},
        {"next_token", with(R"("prompts":"x")"), "prompts must be an array of texts, found \"x\""},
        {"next_token", with(R"("prompts":["x",[1],3])"), "prompts[2] must be"},
        {"next_token", with(R"("prompts":["x",["y"]])"), "prompts[1] must be"},
        {"next_token", with(R"("prompt":["x"])"), "unknown parameter 'prompt'"},
        {"next_token", with(R"("prompts":["x"],"top_k":0)"), "top_k must be an integer from 1"},
        {"next_token", with(R"("prompts":["x"],"top_k":2.5)"), "top_k must be an integer"},
        {"next_token", with(R"("prompts":["x"],"top_k":"2")"), "top_k must be an integer"},
        {"next_token", with(R"("prompts":["x"],"top_k":18446744073709551615)"),
         "top_k must be an integer"},
        {"next_token", with(R"("prompts":["x"],"view":"fine")"), "view must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"scaled":"1"})"), "view must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"scaled":1,"null":{}})"), "view must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"null":{"seed":-1}})"),
         "view.null.seed must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"null":{"seed":1,"init_scale":-1}})"),
         "view.null.init_scale must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"null":{"seed":1,"rank_scale":0}})"),
         "view.null.rank_scale must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"null":{"seeds":1}})"), "view must be"},
        {"logprob", only(a), "items is missing"},
        {"logprob", with(R"("items":{})"), "items must be"},
        {"logprob", with(R"("items":["x"])"), "items[0] must be"},
        {"logprob", with(R"("items":[{"prompt":"x"}])"), "items[0] must be"},
        {"logprob", with(R"("items":[{"prompt":"x","completion":"y","weight":1}])"),
         "items[0] must be"},
        {"logprob", with(R"("items":[{"prompt":1,"completion":"y"}])"), "items[0].prompt must be"},
        {"logprob", with(R"("items":[{"prompt":"x","completion":[null]}])"),
         "items[0].completion must be"},
        {"logprob", with(R"("items":[{"prompt":"x","completion":""}])"), "completion"},
        {"rolling_logprob", only(a), "texts is missing"},
        {"rolling_logprob", with(R"("texts":[true])"), "texts[0] must be"},
        {"generate", with(R"("max_new_tokens":1)"), "prompt is missing"},
        {"generate", with(R"("prompt":"x")"), "max_new_tokens is missing"},
        {"generate", with(R"("prompt":"x","max_new_tokens":0)"),
         "max_new_tokens must be an integer from 1"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"temperature":-0.1)"),
         "temperature must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"top_p":0)"), "top_p must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"top_p":1.01)"), "top_p must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"top_k":-1)"), "top_k must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"seed":1.5)"), "seed must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"stop":"x")"), "stop must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"stop":[""])"), "stop[0] must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"stream":"yes")"), "stream must be"},
        {"divergence", only(a), "prompts is missing"},
        {"divergence", with(R"("prompts":[])"), "prompts is empty"},
        {"divergence", with(R"("prompts":["x"],"kind":"l2")"),
         R"(kind must be "js" or "kl", found "l2")"},
        {"divergence", with(R"("prompts":["x"],"from":1)"), "from must be"},
        {"divergence", with(R"("prompts":["x"],"to":{})"), "to must be"},
        {"divergence", with(R"("prompts":["x"],"view":"ft")"), "'view'"},
        {"shutdown", R"({"drain_seconds":-1})", "drain_seconds must be"},
        {"shutdown", R"({"now":true})", "'now'; shutdown takes drain_seconds"},
    };
    for (const auto& [name, params, named] : faults) {
        const failure why = refusal_of(name, params);
        BOOST_TEST((why.code == errc::invalid_params), name << ' ' << params);
        BOOST_TEST(why.detail.find(named) != std::string::npos,
                   "'" << why.detail << "' lacks '" << named << "'");
    }
    BOOST_TEST(shutdowns.empty());
}

BOOST_FIXTURE_TEST_CASE(names_quoted_in_a_message_stay_utf8, daemon_of_test)
{
    std::string accents = "x";
    for (int i = 0; i != 60; ++i)
        accents += "\xC3\xA9";
    for (const failure& why :
         {refusal_of(accents, "{}"), refusal_of("health", "{\"" + accents + "\":1}"),
          refusal_of("load", R"({"model":{"base":"a","kind":")" + accents + "\"}}"),
          refusal_of("load", "{\"model\":\"" + accents + "\"}")}) {
        std::string quoted;
        append_quoted(quoted, why.detail);
        BOOST_TEST(parse_json(quoted).has_value(), why.detail);
    }
}

BOOST_FIXTURE_TEST_CASE(a_refused_request_loads_nothing, daemon_of_test)
{
    refusal_of("next_token", with(R"("prompts":["x"],"top_k":0)"));
    BOOST_TEST(number(result_of("stats").at("loads_total")) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_configured_name_stands_for_its_model_in_every_method, daemon_of_test)
{
    info.models.emplace("tuned", model_spec{.kind = "dummy", .base = "a"});
    const std::string tuned = R"("model":"tuned")";
    const json::value first = result_of("load", only(tuned));
    BOOST_TEST(!first.at("cached").as_bool());
    BOOST_TEST(first.at("model").at("base").as_string() ==
               "a"); // answers show what the name stands for
    BOOST_TEST(result_of("load", only(a)).at("cached").as_bool());
    for (const auto& [method, more] : std::vector<std::pair<std::string, std::string>>{
             {"tokenize", R"("text":"x")"},
             {"detokenize", R"("ids":[1])"},
             {"next_token", R"("prompts":["x"])"},
             {"logprob", R"("items":[])"},
             {"rolling_logprob", R"("texts":[])"},
             {"generate", R"("prompt":"x","max_new_tokens":1)"},
             {"divergence", R"("prompts":["x"])"}})
        result_of(method, with(more, tuned));
    BOOST_TEST(result_of("pin", only(tuned)).at("key") == first.at("key"));
    BOOST_TEST(result_of("unpin", only(tuned)).at("key") == first.at("key"));
    BOOST_TEST(result_of("unload", only(tuned)).at("unloaded").at(0) == first.at("key"));
    BOOST_TEST(number(result_of("stats").at("loads_total")) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_name_that_is_not_configured_is_not_found_and_some_that_are_are_named,
                        daemon_of_test)
{
    const failure none = refusal_of("load", R"({"model":"my-model"})");
    BOOST_TEST((none.code == errc::not_found));
    BOOST_TEST(none.detail.find("'my-model'") != std::string::npos);
    BOOST_TEST(none.detail.find("names none") != std::string::npos);
    for (char name = 'a'; name != 'n'; ++name)
        info.models.emplace(std::string(3, name), model_spec{.kind = "dummy", .base = "a"});
    const failure some = refusal_of("unload", R"({"model":"my-model"})");
    BOOST_TEST((some.code == errc::not_found));
    BOOST_TEST(some.detail.find("names aaa, bbb, ccc,") != std::string::npos, some.detail);
    BOOST_TEST(some.detail.find("jjj and 3 more") != std::string::npos, some.detail);
}

BOOST_FIXTURE_TEST_CASE(reload_answers_once_the_file_is_applied, daemon_of_test)
{
    begin("reload", "{}");
    settle();
    BOOST_TEST(!answered.has_value());
    BOOST_REQUIRE(reloads.size() == 1U);
    reloads[0](
        model_changes{.added = {"n"}, .removed = {}, .changed = {"c"}, .unchanged = {"a", "b"}});
    settle();
    BOOST_REQUIRE(answered.has_value());
    BOOST_TEST(answered->value() ==
               R"({"added":["n"],"removed":[],"changed":["c"],"unchanged":["a","b"]})");
    begin("reload", "{}");
    settle();
    reloads[1](failure{errc::invalid_params, "/c:1:2: no"});
    settle();
    BOOST_TEST((answered->error().code == errc::invalid_params));
    BOOST_TEST(answered->error().detail == "/c:1:2: no");
}

BOOST_FIXTURE_TEST_CASE(reload_is_for_the_daemons_user_and_root_and_takes_nothing, daemon_of_test)
{
    BOOST_TEST((refusal_of("reload", R"({"force":true})").code == errc::invalid_params));
    from->uid = ::geteuid() + 12345;
    BOOST_TEST((refusal_of("reload", "{}").code == errc::permission_denied));
    BOOST_TEST(reloads.empty());
}

BOOST_FIXTURE_TEST_CASE(methods_that_do_not_exist_are_not_found, daemon_of_test)
{
    for (const char* name : {"metric", "subscribed", "rpc.discovery", "Health", ""})
        BOOST_TEST((refusal_of(name, "{}").code == errc::method_not_found), name);
}

// -- rpc.discover -----------------------------------------------------------

/// What the document says of each method.
std::map<std::string, json::object> discovered(daemon_of_test& in)
{
    std::map<std::string, json::object> methods;
    const json::value document = in.result_of("rpc.discover");
    for (const json::value& each : document.at("methods").as_array())
        methods.emplace(each.at("name").as_string(), each.as_object());
    return methods;
}

BOOST_FIXTURE_TEST_CASE(discovery_has_every_method_and_every_parameter_it_takes, daemon_of_test)
{
    const auto described = discovered(*this);
    BOOST_TEST(described.size() == methods.counted()->requests.size());
    for (const auto& [name, counts] : methods.counted()->requests) {
        BOOST_REQUIRE_MESSAGE(described.contains(name), name);
        std::string listed; // in the method's own order
        for (const json::value& each : described.at(name).at("params").as_array())
            (listed += listed.empty() ? "" : ", ") += std::string_view(each.at("name").as_string());
        const std::string said = refusal_of(name, R"({"no such":1})").detail;
        const std::string takes = " takes " + (listed.empty() ? "none" : listed);
        BOOST_TEST(said.ends_with(takes), said << " but described:" << takes);
    }
}

BOOST_FIXTURE_TEST_CASE(discovery_has_every_member_of_every_result, daemon_of_test)
{
    const auto described = discovered(*this);
    const std::map<std::string, std::string> requests{
        {"health", "{}"},
        {"metrics", "{}"},
        {"models", "{}"},
        {"load", only(a)},
        {"pin", only(a)},
        {"unpin", only(a)},
        {"tokenize", with(R"("text":"x")")},
        {"detokenize", with(R"("ids":[1])")},
        {"next_token", with(R"("prompts":["x"])")},
        {"logprob", with(R"("items":[])")},
        {"rolling_logprob", with(R"("texts":[])")},
        {"generate", with(R"("prompt":"x","max_new_tokens":1)")},
        {"divergence", with(R"("prompts":["x"])")},
        {"subscribe", "{}"},
        {"shutdown", "{}"},
        {"rpc.discover", "{}"}};
    result_of("load", only(a)); // for what acts on a loaded one
    for (const auto& [name, params] : requests) {
        const json::value& schema = described.at(name).at("result").at("schema");
        BOOST_TEST((names_in(result_of(name, params)) == names_in(schema.at("properties"))), name);
    }
    BOOST_TEST((names_in(result_of("unload", only(a))) == names{"unloaded"}));
}

BOOST_FIXTURE_TEST_CASE(discovery_is_one_line_whose_references_lead_somewhere_and_names_every_error,
                        daemon_of_test)
{
    const std::string text = *ask("rpc.discover", "{}");
    BOOST_TEST(text.find('\n') == text.npos);
    const json::value document = parsed(text);
    BOOST_TEST(document.at("info").at("version") == "1.2.3");
    std::size_t references = 0;
    for (std::size_t at = text.find("\"#/"); at != text.npos;
         at = text.find("\"#/", at + 1), ++references) {
        const std::string pointer = text.substr(at + 2, text.find('"', at + 1) - at - 2);
        boost::system::error_code missing;
        BOOST_TEST(document.find_pointer(pointer, missing) != nullptr, pointer);
    }
    BOOST_TEST(references > 100U);
    for (const json::value& each : document.at("methods").as_array())
        for (const json::value& error : each.at("errors").as_array())
            BOOST_TEST(
                std::string_view(error.at("$ref").as_string()).starts_with("#/components/errors/"));
    const json::object& errors = document.at("components").at("errors").as_object();
    for (int i = 0; i != static_cast<int>(errc::disconnected); ++i) // which is never on the wire
        BOOST_TEST(errors.at(name(static_cast<errc>(i))).at("code").as_int64() ==
                   rpc::wire_code(static_cast<errc>(i)));
}

// -- the daemon ------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(health_of_an_idle_daemon_is_ok, daemon_of_test)
{
    const json::value made = result_of("health");
    BOOST_TEST((names_in(made) == names{"status", "ready", "reasons", "version", "pid",
                                        "uptime_seconds", "loaded_models", "max_loaded_models",
                                        "oldest_waiter_seconds", "limits"}));
    BOOST_TEST(made.at("status").as_string() == "ok");
    BOOST_TEST(made.at("ready") == json::value(true));
    BOOST_TEST(made.at("reasons").as_array().empty());
    BOOST_TEST(made.at("version").as_string() == "1.2.3");
    BOOST_TEST(number(made.at("pid")) == ::getpid());
    BOOST_TEST(number(made.at("max_loaded_models")) == 2);
    BOOST_TEST(number(made.at("oldest_waiter_seconds")) == 0);
    BOOST_TEST(number(made.at("uptime_seconds")) >= 0);
}

BOOST_FIXTURE_TEST_CASE(health_names_the_identity_of_what_is_loaded, daemon_of_test)
{
    result_of("load", only(a));
    const json::value made = result_of("health");
    BOOST_TEST(
        (names_in(made.at("loaded_models").at(0)) ==
         names{"key", "kind", "base", "adapter", "dtype", "device", "entry_point", "options"}));
}

BOOST_FIXTURE_TEST_CASE(health_of_a_draining_daemon_says_so, daemon_of_test)
{
    draining = true;
    const json::value made = result_of("health");
    BOOST_TEST(made.at("status").as_string() == "draining");
    BOOST_TEST(made.at("ready") == json::value(false));
}

namespace {

struct hand_clock {
    time_point now = time_point() + 1h;
};

/// Its clock is turned by hand, and no alarm ever rings: deadlines pass unnoticed.
struct stalled_daemon : hand_clock, daemon_of_test {
    struct mute_alarm final : alarm {
        void set(time_point, std::function<void()>) override {}
        void cancel() override {}
    };
    stalled_daemon()
        : daemon_of_test(
              {[this] { return now; },
               [](const asio::any_io_executor&) { return std::make_unique<mute_alarm>(); }})
    {
        info.started = now;
    }
    json::value health()
    {
        answered.reset();
        begin("health", "{}");
        for (io.restart(); !answered && io.poll() != 0;) // the workers stand still
            io.restart();
        return parsed(answered.value().value());
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_stalled_scheduler_makes_health_degraded_within_a_bound, stalled_daemon)
{
    begin("load", only(a));
    io.poll(), workers.poll_one(), io.restart(),
        io.poll(); // resolved, wanted, and no worker ever loads it
    BOOST_TEST(health().at("status").as_string() == "ok");
    const auto bound = info.limits.max_wait + info.limits.close_timeout + info.limits.load_timeout;
    now += bound;
    BOOST_TEST(health().at("status").as_string() == "ok");
    now += 1s;
    const json::value made = health();
    BOOST_TEST(made.at("status").as_string() == "degraded");
    BOOST_TEST(made.at("reasons").at(0).as_string() ==
               "a request has waited for a model longer than max_wait, close_timeout and "
               "load_timeout together, 640 seconds");
    BOOST_TEST(number(made.at("oldest_waiter_seconds")) == 641);
    settle(); // the workers go on
    BOOST_TEST(health().at("status").as_string() == "ok");
}

BOOST_FIXTURE_TEST_CASE(stats_counts_hits_misses_and_evictions, daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", only(a));
    result_of("load", only(b));
    result_of("load", R"({"model":{"kind":"dummy","base":"c"}})");
    result_of("unload", only(b));
    const json::value made = result_of("stats");
    for (const auto& [name, expected] :
         std::vector<std::pair<const char*, double>>{{"hits_total", 1},
                                                     {"misses_total", 3},
                                                     {"loads_total", 3},
                                                     {"load_failures_total", 0},
                                                     {"closes_total", 2},
                                                     {"evictions_capacity_total", 1},
                                                     {"evictions_admin_total", 1},
                                                     {"evictions_idle_total", 0},
                                                     {"loaded_models", 1},
                                                     {"loading", 0},
                                                     {"waiters", 0},
                                                     {"leases", 0},
                                                     {"charged_bytes", 1 << 20},
                                                     {"max_loaded_models", 2}})
        BOOST_TEST(number(made.at(name)) == expected, name << " is " << made.at(name));
    for (const auto& member : made.as_object())
        BOOST_TEST(
            (member.value().is_number() || std::string_view(member.key()).ends_with("_bucket")),
            member.key());
}

BOOST_FIXTURE_TEST_CASE(unloading_all_is_for_the_daemons_user_and_root_and_one_is_for_everybody,
                        daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", only(b));
    from->uid = ::geteuid() + 12345;
    BOOST_TEST((refusal_of("unload", R"({"all":true})").code == errc::permission_denied));
    BOOST_TEST(loaded().size() == 2U);
    result_of("unload", only(a));
    BOOST_TEST(loaded().size() == 1U);
    from->uid = 0;
    result_of("unload", R"({"all":true})");
    BOOST_TEST(loaded().empty());
}

BOOST_FIXTURE_TEST_CASE(shutdown_is_for_the_daemons_user_and_root, daemon_of_test)
{
    from->uid = ::geteuid() + 12345;
    BOOST_TEST((refusal_of("shutdown", "{}").code == errc::permission_denied));
    BOOST_TEST(shutdowns.empty());
    from->uid = 0;
    BOOST_TEST(json::serialize(result_of("shutdown")) == "{}");
    from->uid = ::geteuid();
    result_of("shutdown", R"({"drain_seconds":0})");
    BOOST_REQUIRE(shutdowns.size() == 2U);
    BOOST_TEST(!shutdowns[0].has_value());
    BOOST_TEST((shutdowns[1] == 0s));
}

// -- events ------------------------------------------------------------

namespace {

/// Takes what `from` has heard: each event without its time, which is Unix time.
std::vector<std::string> events_heard(fake_peer& from)
{
    std::vector<std::string> texts;
    for (auto& [method, params] : std::exchange(from.heard, {})) {
        BOOST_TEST(method == "event");
        json::object& event = params.as_object();
        BOOST_TEST(number(event.at("time")) > 1.7e9);
        event.stable_erase(event.find("time"));
        if (json::value* const key = event.if_contains("key");
            key && key->as_string().starts_with("a-"))
            *key = "a";
        texts.push_back(json::serialize(params));
    }
    return texts;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(subscribe_sends_every_event_and_names_what_it_sends, daemon_of_test)
{
    BOOST_TEST(json::serialize(result_of("subscribe")) ==
               R"({"subscribed":["state","evicted","load_failed","close_failed"]})");
    ask("load", R"({"model":{"kind":"dummy","base":"a","options":{"close_error":"no"}}})");
    ask("unload", R"({"all":true})");
    const auto told = events_heard(*from);
    const std::vector<std::string> expected{
        R"({"type":"state","key":"a","from":null,"to":"waiting","reason":"requested"})",
        R"({"type":"state","key":"a","from":"waiting","to":"loading","reason":"admitted"})",
        R"({"type":"state","key":"a","from":"loading","to":"ready","reason":"loaded"})",
        R"({"type":"state","key":"a","from":"ready","to":"closing","reason":"admin"})",
        R"({"type":"evicted","key":"a","reason":"admin"})",
        R"({"type":"close_failed","key":"a","message":"no"})",
        R"({"type":"state","key":"a","from":"closing","to":null,"reason":"closed"})",
    };
    BOOST_TEST(told == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(subscribe_sends_only_the_events_asked_for, daemon_of_test)
{
    BOOST_TEST(json::serialize(result_of("subscribe", R"({"events":["load_failed"]})")) ==
               R"({"subscribed":["load_failed"]})");
    ask("load", R"({"model":{"kind":"dummy","base":"a","options":{"load_error":"no"}}})");
    const auto told = events_heard(*from);
    BOOST_REQUIRE(told.size() == 1U);
    BOOST_TEST(
        told[0] ==
        R"({"type":"load_failed","key":"a","message":"loading dummy model a failed: no","cause":"no"})");
}

BOOST_FIXTURE_TEST_CASE(subscribe_to_an_unknown_event_is_refused_by_name, daemon_of_test)
{
    const failure why = refusal_of("subscribe", R"({"events":["state","opened"]})");
    BOOST_TEST((why.code == errc::invalid_params));
    BOOST_TEST(why.detail.find("opened") != std::string::npos, why.detail);
    BOOST_TEST(why.detail.find("close_failed") != std::string::npos, why.detail);
    BOOST_TEST((refusal_of("subscribe", R"({"events":"state"})").code == errc::invalid_params));
    BOOST_TEST(from->kept.empty());
    ask("load", only(a));
    BOOST_TEST(from->heard.empty());
}

BOOST_FIXTURE_TEST_CASE(a_subscription_ends_with_its_connection_and_one_refused_leaves_nothing,
                        daemon_of_test)
{
    result_of("subscribe", R"({"events":["evicted"]})");
    result_of("subscribe", R"({"events":["evicted"]})");
    BOOST_TEST((refusal_of("subscribe", "{}").code == errc::busy));
    ask("load", only(a));
    ask("unload", R"({"all":true})");
    BOOST_TEST(events_heard(*from).size() == 2U);
    from->kept.pop_back(); // as the session does at its end
    settle();
    ask("load", only(a));
    ask("unload", R"({"all":true})");
    BOOST_TEST(events_heard(*from).size() == 1U);
    from->kept.clear();
    settle();
    ask("load", only(a));
    ask("unload", R"({"all":true})");
    BOOST_TEST(events_heard(*from).empty());
}

BOOST_FIXTURE_TEST_CASE(a_subscriber_that_did_not_read_is_told_how_many_events_it_lost,
                        daemon_of_test)
{
    result_of("subscribe");
    from->kept.at(0)(3);
    const auto told = events_heard(*from);
    BOOST_REQUIRE(told.size() == 1U);
    BOOST_TEST(told[0] == R"({"type":"lost","count":3})");
}

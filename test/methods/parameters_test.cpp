// How parameters are read, and what is said of faulty ones.

#include "methods/daemon_of_test.hpp"

using namespace warmd;
using namespace warmd::test;
using namespace std::chrono_literals;

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

BOOST_FIXTURE_TEST_CASE(every_method_with_a_model_takes_what_is_about_the_request, daemon_of_test)
{
    const std::string also =
        R"(,"timeout":5,"progress":true,"keep_alive":0,"priority":"batch","fresh":true)";
    for (const auto& [name, own] : std::vector<std::pair<std::string, std::string>>{
             {"load", R"("pin":true)"},
             {"tokenize", R"("text":"x")"},
             {"detokenize", R"("ids":[1])"},
             {"next_token", R"("prompts":["x"])"},
             {"logprob", R"("items":[])"},
             {"rolling_logprob", R"("texts":[])"},
             {"generate", R"("prompt":"x","max_new_tokens":1)"},
             {"divergence", R"("prompts":["x"])"},
             {"pin", ""},
             {"unpin", ""},
             {"unload", R"("wait":true)"},
         }) {
        result_of(name, with(own.empty() ? also.substr(1) : own + also));
        for (const char* wrong : {R"("timeout":0)", R"("timeout":-1)", R"("timeout":"1")",
                                  R"("progress":1)", R"("keep_alive":-0.5)",
                                  R"("priority":"urgent")", R"("priority":1)", R"("fresh":"no")"}) {
            const failure why = refusal_of(name, with(wrong));
            BOOST_TEST((why.code == errc::invalid_params), name << ' ' << wrong);
        }
    }
}

// -- faults ------------------------------------------------------------

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
         "unknown parameter 'pinned'; load takes model, pin, timeout, progress, keep_alive, "
         "priority, fresh"},
        {"tokenize", with(R"("text":"x","priority":"low")"),
         "priority must be \"interactive\" or \"batch\", found \"low\""},
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
        {"next_token", with(R"("prompts":["x"],"view":{"null":{"match":"size"}})"),
         "view.null.match must be"},
        {"next_token", with(R"("prompts":["x"],"view":{"null":{"match":"norm","init_scale":1}})"),
         "view.null.init_scale is given, and view.null.match takes its place"},
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
        {"next_token", with(R"("prompts":[{"messages":[{"role":1}]}])"),
         "prompts[0].messages[0].role must be a string, found 1"},
        {"next_token", with(R"("prompts":[{"messages":[{"role":"user"}],"model":1}])"),
         "prompts[0] must be an object with \"messages\" and nothing but"},
        {"next_token", with(R"("prompts":[{"message":[]}])"), "prompts[0] must be a string or"},
        {"logprob", with(R"("items":[{"prompt":{"messages":[]},"completion":"y"}])"),
         "items[0].prompt.messages must be"},
        {"tokenize", with(R"("text":{"messages":[{"role":"user"}],"tools":1})"),
         "text.tools must be"},
        {"render", only(a), "messages is missing"},
        {"render", with(R"("messages":[{"role":"user","content":1}])"),
         "messages[0].content must be"},
        {"render", with(R"("messages":[{"role":"user"}],"chat_template_kwargs":{"tools":1})"),
         "chat_template_kwargs cannot have 'tools'"},
        {"render", with(R"("messages":[{"role":"user"}],"stream":true)"), "'stream'; render takes"},
        {"chat_template", with(R"("name":1)"), "name must be a string"},
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
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"stop":1)"), "stop must be"},
        {"generate", with(R"("prompt":"x","max_new_tokens":1,"stop":"")"), "stop must be"},
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

BOOST_FIXTURE_TEST_CASE(a_name_that_ends_in_a_view_says_how_to_look_at_its_model, daemon_of_test)
{
    info.models.emplace("tuned", model_spec{.kind = "dummy", .base = "a"});
    const auto of = [](const std::string& name, const std::string& more) {
        return with(more, R"("model":")" + name + '"');
    };
    const std::string prompts = R"("prompts":["x"])";
    for (const auto& [method, own, parameter] :
         std::vector<std::tuple<std::string, std::string, std::string>>{
             {"next_token", prompts, "view"},
             {"logprob", R"("items":[{"prompt":"x","completion":"y"}])", "view"},
             {"rolling_logprob", R"("texts":["xyz"])", "view"},
             {"generate", R"("prompt":"x","max_new_tokens":3)", "view"},
             {"divergence", prompts, "to"}})
        for (const auto& [suffix, view] : std::vector<std::pair<std::string, std::string>>{
                 {":base", R"("base")"},
                 {"@0.5", R"({"scaled":0.5})"},
                 {":null-7", R"({"null":{"seed":7}})"}}) {
            const std::string also = own + ",\"" + parameter + "\":" + view;
            BOOST_TEST((result_of(method, of("tuned" + suffix, own)) ==
                        result_of(method, of("tuned", also))),
                       method << suffix);
            const failure both = refusal_of(method, of("tuned" + suffix, also));
            BOOST_TEST((both.code == errc::invalid_params));
            BOOST_TEST(both.detail.starts_with(parameter + " is given, and model's name ends in"),
                       both.detail);
        }
    BOOST_TEST((result_of("next_token", of("tuned:base", prompts)) !=
                result_of("next_token", of("tuned", prompts))));
    BOOST_TEST((result_of("divergence", of("tuned:base", prompts + R"(,"from":"ft")")) ==
                result_of("divergence", of("tuned", prompts + R"(,"from":"ft","to":"base")"))));
}

BOOST_FIXTURE_TEST_CASE(methods_that_look_through_no_view_take_a_name_that_ends_in_one,
                        daemon_of_test)
{
    info.models.emplace("tuned", model_spec{.kind = "dummy", .base = "a"});
    const std::string half = R"("model":"tuned@0.5")";
    const json::value key = result_of("load", only(half)).at("key");
    BOOST_TEST(result_of("load", R"({"model":"tuned"})").at("cached").as_bool());
    BOOST_TEST((result_of("tokenize", with(R"("text":"x")", half)) ==
                result_of("tokenize", with(R"("text":"x")"))));
    BOOST_TEST(result_of("pin", only(half)).at("key") == key);
    BOOST_TEST(result_of("unpin", only(half)).at("key") == key);
    BOOST_TEST(result_of("unload", only(half)).at("unloaded").at(0) == key);
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

BOOST_FIXTURE_TEST_CASE(methods_that_do_not_exist_are_not_found, daemon_of_test)
{
    for (const char* name : {"metric", "subscribed", "rpc.discovery", "Health", ""})
        BOOST_TEST((refusal_of(name, "{}").code == errc::method_not_found), name);
}

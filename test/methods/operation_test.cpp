// The operations: what is asked, and what comes back.

#include "methods/daemon_of_test.hpp"
#include "methods/outcomes.hpp"
#include "support/fake_backend.hpp"

#include <cmath>

using namespace warmd;
using namespace warmd::test;
using namespace std::chrono_literals;

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
    BOOST_TEST(
        (names_in(first) == names{"logprob", "num_tokens", "num_scored", "token_ids", "logprobs"}));
    BOOST_TEST(json::serialize(first.at("token_ids")) == "[99,100]");
    BOOST_TEST(number(first.at("num_tokens")) == 2);
    BOOST_TEST(number(first.at("logprob")) ==
                   number(first.at("logprobs").at(0)) + number(first.at("logprobs").at(1)),
               boost::test_tools::tolerance(1e-6));
    // Nothing precedes the second item's first token: it is not scored, and num_tokens says so.
    BOOST_TEST(number(made.at("results").at(1).at("num_tokens")) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_conversation_may_stand_wherever_a_text_may, daemon_of_test)
{
    const std::string chat = R"({"messages":[{"role":"user","content":"Hi"}]})";
    const std::pair<std::string, std::string> requests[] = {
        {"tokenize", R"("text":)" + chat},
        {"next_token", R"("prompts":["x",)" + chat + "]"},
        {"logprob", R"("items":[{"prompt":)" + chat + R"(,"completion":"x"}])"},
        {"rolling_logprob", R"("texts":[)" + chat + "]"},
        {"generate", R"("max_new_tokens":1,"prompt":)" + chat},
        {"divergence", R"("prompts":[)" + chat + "]"},
        {"render", chat.substr(1, chat.size() - 2)},
        {"chat_template", R"("name":"default")"}};
    for (const auto& [name, params] : requests) { // they come to a model, which has no template
        const failure why = refusal_of(name, with(params));
        BOOST_TEST((why.code == errc::unsupported), name);
        BOOST_TEST(why.detail == "the dummy kind has no chat template");
    }
}

BOOST_AUTO_TEST_CASE(what_a_template_made_is_written_as_the_contract_has_it)
{
    const auto written = [](const operation& asked, const outcome& what) {
        return replies::written(replies::writer_of(asked), what, 1000).value();
    };
    BOOST_TEST(written(render{}, rendered_text{"a\n", {1, 2}, "default", {"x"}}) ==
               R"({"text":"a\n","ids":[1,2],"template":"default","unused_kwargs":["x"]})");
    BOOST_TEST(
        written(describe_chat_template{},
                chat_template_description{"default", "/m/f", {"default", "rag"}, {"messages"}}) ==
        R"({"template":"default","file":"/m/f","templates":["default","rag"],)"
        R"("variables":["messages"]})");
}

BOOST_FIXTURE_TEST_CASE(rolling_logprob_scores_all_but_the_first_token, daemon_of_test)
{
    const json::value made =
        result_of("rolling_logprob", with(R"("texts":["abc","",[97]],"view":"base")"));
    const json::value& first = made.at("results").at(0);
    BOOST_TEST((names_in(first) == names{"token_ids", "logprobs", "num_tokens", "num_scored",
                                         "total_logprob", "mean_logprob", "perplexity"}));
    BOOST_TEST(number(first.at("num_tokens")) == 3);
    BOOST_TEST(number(first.at("num_scored")) == 2);
    BOOST_TEST(first.at("logprobs").as_array().size() == 2U);
    BOOST_TEST(number(first.at("mean_logprob")) == number(first.at("total_logprob")) / 2,
               boost::test_tools::tolerance(1e-12));
    BOOST_TEST(number(first.at("perplexity")) == std::exp(-number(first.at("mean_logprob"))),
               boost::test_tools::tolerance(1e-12));
}

BOOST_FIXTURE_TEST_CASE(what_scored_nothing_has_no_mean_and_is_not_the_best_of_all, daemon_of_test)
{
    const json::value texts = result_of("rolling_logprob", with(R"("texts":["",[97]])"));
    for (std::size_t i : {0, 1}) {
        const json::value& each = texts.at("results").at(i);
        BOOST_TEST(number(each.at("num_scored")) == 0);
        BOOST_TEST(number(each.at("total_logprob")) == 0);
        BOOST_TEST(each.at("mean_logprob").is_null());
        BOOST_TEST(each.at("perplexity").is_null());
    }
    const json::value item =
        result_of("logprob", with(R"("items":[{"prompt":"","completion":"a"}])"))
            .at("results")
            .at(0);
    BOOST_TEST(item.at("logprob").is_null());
    BOOST_TEST(number(item.at("num_tokens")) == 0);
    BOOST_TEST(number(item.at("num_scored")) == 0);
}

BOOST_FIXTURE_TEST_CASE(with_a_bos_the_first_token_is_scored_as_well, daemon_of_test)
{
    const json::value text = result_of("rolling_logprob", with(R"("texts":["a"],"bos":true)"));
    BOOST_TEST(number(text.at("results").at(0).at("num_scored")) == 1);
    BOOST_TEST(number(text.at("results").at(0).at("perplexity")) > 1);
    const json::value item =
        result_of("logprob", with(R"("items":[{"prompt":"","completion":"a"}],"bos":true)"));
    BOOST_TEST(number(item.at("results").at(0).at("num_tokens")) == 1);
    BOOST_TEST(number(item.at("results").at(0).at("logprob")) < 0);
    const auto next = [&](const std::string& more) {
        return json::serialize(result_of("next_token", with(R"("prompts":[""],"top_k":3)" + more)));
    };
    BOOST_TEST(next(R"(,"bos":true)") ==
               json::serialize(result_of("next_token", with(R"("prompts":[[0]],"top_k":3)"))));
}

namespace {

/// Inputs of which the second cannot be scored: the dummy's vocabulary has 256 tokens.
struct faulty_input {
    std::string method, params, results, place;
};
const std::vector<faulty_input> faulty_inputs{
    {"next_token", R"("prompts":["x",[300],"x"])", "distributions", "prompts[1]: "},
    {"logprob",
     R"("items":[{"prompt":"x","completion":"y"},{"prompt":"x","completion":""},)"
     R"({"prompt":"x","completion":"y"}])",
     "results", "items[1]: "},
    {"rolling_logprob", R"("texts":["xy",[300,1],"xy"])", "results", "texts[1]: "},
    {"divergence", R"("prompts":["ab",[300],"ab"])", "per_prompt", "prompts[1]: "},
};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_input_that_cannot_be_scored_fails_the_request_and_is_named,
                        daemon_of_test)
{
    for (const faulty_input& each : faulty_inputs)
        for (const char* more : {"", R"(,"on_error":"request")"}) {
            const failure why = refusal_of(each.method, with(each.params + more));
            BOOST_TEST((why.code == errc::invalid_params), each.method);
            BOOST_TEST(why.detail.starts_with(each.place), why.detail);
        }
}

BOOST_FIXTURE_TEST_CASE(on_error_item_puts_the_error_in_the_place_of_the_input, daemon_of_test)
{
    for (const faulty_input& each : faulty_inputs) {
        const json::value made =
            result_of(each.method, with(each.params + R"(,"on_error":"item")"));
        const json::array& results = made.at(each.results).as_array();
        BOOST_REQUIRE_MESSAGE(results.size() == 3U, each.method);
        BOOST_TEST((names_in(results[1]) == names{"error"}));
        const json::value& why = results[1].at("error");
        BOOST_TEST(why.at("code") == json::value(-32602));
        BOOST_TEST(why.at("data").at("kind") == "invalid_params");
        BOOST_TEST(std::string_view(why.at("message").as_string()).starts_with(each.place));
        BOOST_TEST(json::serialize(results[0]) == json::serialize(results[2]));
        BOOST_TEST(json::serialize(results[0]).find("error") == std::string::npos);
    }
}

BOOST_FIXTURE_TEST_CASE(a_divergence_of_nothing_has_no_mean, daemon_of_test)
{
    const json::value some =
        result_of("divergence", with(R"("prompts":["ab",[300]],"on_error":"item")"));
    BOOST_TEST(some.at("mean") == some.at("per_prompt").at(0));
    const json::value none =
        result_of("divergence", with(R"("prompts":[[300]],"on_error":"item")"));
    BOOST_TEST(none.at("mean").is_null());
    BOOST_TEST(none.at("max").is_null());
    BOOST_TEST(none.at("ci_95").at(0).is_null());
}

BOOST_FIXTURE_TEST_CASE(a_generation_ends_at_a_stop_text_or_a_stop_token, daemon_of_test)
{
    const auto made = [&](const std::string& more) {
        return result_of("generate", with(R"("prompt":"ab","max_new_tokens":4)" + more));
    };
    const json::value whole = made("");
    const json::value first = whole.at("token_ids").at(0);
    const json::value at_token = made(R"(,"stop_token_ids":[)" + json::serialize(first) + "]");
    BOOST_TEST(at_token.at("finish_reason").as_string() == "stop");
    BOOST_TEST(at_token.at("token_ids").as_array().size() == 1U);
    BOOST_TEST(at_token.at("text").as_string() == "");
    BOOST_TEST(json::serialize(made(R"(,"stop":"zz")")) ==
               json::serialize(made(R"(,"stop":["zz"])"))); // as OpenAI has it, and as a list
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

BOOST_FIXTURE_TEST_CASE(an_operations_call_says_whose_it_is_and_what_the_request_said,
                        daemon_of_test)
{
    fake_world world;
    registry.add("fake", world.make_loader());
    const auto said = [&](const std::string& more) {
        result_of("tokenize", R"({"model":{"kind":"fake","base":"a"},"text":"x")" + more + '}');
        return world.last_call;
    };
    BOOST_TEST(said("") == "3 interactive");
    from->number = 4;
    BOOST_TEST(said(R"(,"priority":"batch","fresh":true)") == "4 batch fresh");
    BOOST_TEST(said(R"(,"priority":"interactive","fresh":false)") == "4 interactive");
    result_of("unload", R"({"all":true})"); // before the world goes
}

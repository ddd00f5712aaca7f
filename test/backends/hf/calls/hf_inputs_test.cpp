// What a request gives: what it means, what is refused, and where its failure stands.

#include "support/demo_model.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::hf;

BOOST_AUTO_TEST_CASE(input_that_cannot_be_scored_is_refused_with_the_numbers)
{
    const auto model = demo_model();
    const auto says = [](const failure& why, const char* word) {
        return why.code == errc::invalid_params && why.detail.find(word) != std::string::npos;
    };
    BOOST_TEST(says(refusal(*model, next_token{{}, {""}, 4}), "at least one token"));
    BOOST_TEST(says(refusal(*model, next_token{{}, {std::vector<token_id>{2048}}, 4}), "2048"));
    BOOST_TEST(says(refusal(*model, next_token{{}, {std::vector<token_id>{-1}}, 4}), "-1"));
    BOOST_TEST(says(refusal(*model, rolling_logprob{{}, {some_ids(513, 0)}}), "513"));
    BOOST_TEST(says(refusal(*model, rolling_logprob{{}, {some_ids(513, 0)}}), "512"));
    BOOST_TEST(says(refusal(*model, logprob{{}, {{"The database", ""}}}), "completion"));
    BOOST_TEST(
        says(refusal(*model, generate{.prompt = "", .max_new_tokens = 1}), "at least one token"));
    BOOST_TEST(says(refusal(*model, detokenize{{99999}, false}), "99999"));
    BOOST_TEST(says(refusal(*model, diverge{}), "prompts"));
}

BOOST_AUTO_TEST_CASE(what_no_reply_can_hold_is_refused_before_it_is_made)
{
    const auto model = demo_model();
    constexpr std::size_t all = 1'000'000, vocabulary = 2048, least_bytes_each = 4;
    const auto refused = [&](operation what) {
        std::optional<errc> why;
        std::vector<call> calls(1);
        calls[0].what = std::move(what);
        calls[0].complete = [&](const result<outcome>& told) {
            why = told ? std::nullopt : std::optional(told.error().code);
        };
        calls[0].max_reply_bytes = 2 * vocabulary * least_bytes_each;
        run_together(*model, calls);
        return why == errc::too_large;
    };
    BOOST_TEST(!refused(next_token{{}, {"a", "b"}, all}));
    BOOST_TEST(refused(next_token{{}, {"a", "b", "c"}, all}));
    BOOST_TEST(!refused(diverge{.prompts = {"a", "b"}, .top_k = all}));
    BOOST_TEST(refused(diverge{.prompts = {"a", "b", "c"}, .top_k = all}));
    BOOST_TEST(!refused(tokenize{some_ids(100, 1), true}));
    BOOST_TEST(refused(
        tokenize{std::vector<token_id>(2 * vocabulary * least_bytes_each, 260), true})); // " the"
}

BOOST_AUTO_TEST_CASE(one_bad_call_of_a_batch_fails_alone)
{
    const auto model = demo_model();
    const auto answers =
        ask_all(*model, {next_token{{}, {"The"}, 4},
                         next_token{{}, {std::vector<token_id>{9999}}, 4}, tokenize{"The", true}});
    BOOST_TEST(answers[0].has_value());
    BOOST_TEST(answers[1].has_error());
    BOOST_TEST(answers[2].has_value());
}

BOOST_AUTO_TEST_CASE(short_texts_have_the_scores_they_can_have)
{
    const auto model = demo_model();
    const auto empty = ask<scored_texts>(*model, rolling_logprob{{}, {"", some_ids(1, 5)}}).results;
    BOOST_TEST(empty.at(0)->ids.empty());
    BOOST_TEST(empty.at(1)->ids.size() == 1u);
    BOOST_TEST(empty.at(1)->logprobs.empty());
    BOOST_TEST(empty.at(1)->total == 0.0);
    const auto unprompted =
        ask<scored_texts>(*model, logprob{{}, {{"", "The database"}}}).results.at(0).value();
    BOOST_TEST(unprompted.ids.size() == 2u); // its first token has nothing before it
    BOOST_TEST(unprompted.logprobs.size() == 1u);
}

BOOST_AUTO_TEST_CASE(tokens_and_text_come_back_as_they_went)
{
    const auto model = demo_model();
    const std::string text = "When the file is opened, 2.5 na\xC3\xAFve \xF0\x9F\x99\x82";
    const auto all = ask<tokens>(*model, tokenize{text, true});
    BOOST_TEST(all.ids.size() == all.texts.size());
    BOOST_TEST(ask<plain_text>(*model, detokenize{all.ids, false}).text == text);
}

namespace {

constexpr auto in_place = failure_scope::item;
const std::vector<token_id> too_long = some_ids(513, 0), unknown{4, 2048};

} // namespace

BOOST_AUTO_TEST_CASE(a_refused_input_is_named_by_its_place)
{
    const auto model = demo_model();
    const auto says = [&](operation what, std::string_view begin) {
        const std::string detail = refusal(*model, std::move(what)).detail;
        BOOST_TEST(detail.starts_with(begin), detail);
    };
    says(next_token{{}, {"The", too_long}, 4}, "prompts[1]: an input of 513 tokens");
    says(diverge{.prompts = {"The", "a", ""}}, "prompts[2]: it must have at least one token");
    says(rolling_logprob{{}, {"The", unknown}}, "texts[1]: token id 2048");
    says(logprob{{}, {{"The", " king"}, {"The", ""}}}, "items[1]: the completion adds no token");
    says(generate{.prompt = too_long, .max_new_tokens = 1}, "prompt: an input of 513 tokens");
    says(generate{.prompt = "The", .max_new_tokens = 1, .stop_token_ids = {5, 4096}},
         "stop_token_ids: token id 4096");
    says(next_token{scaled(1e38), {"The"}, 4}, "prompts[0]: the model's logits are not finite");
}

BOOST_AUTO_TEST_CASE(an_input_that_cannot_be_scored_fails_in_its_place_when_asked_so)
{
    const auto model = demo_model();
    const auto one = [&](std::vector<text_or_ids> prompts) {
        return ask<distributions>(*model, next_token{{}, std::move(prompts), 8, false, in_place})
            .slices;
    };
    const auto some = one({"The", too_long, "", "king", unknown});
    BOOST_TEST_REQUIRE(some.size() == 5u);
    for (const std::size_t i : {1, 2, 4})
        BOOST_TEST((some[i].error().code == errc::invalid_params));
    BOOST_TEST(some[4].error().detail.starts_with("prompts[4]: token id 2048"));
    BOOST_TEST((some[0]->logprobs == one({"The"})[0]->logprobs));
    BOOST_TEST((some[3]->logprobs == one({"king"})[0]->logprobs));

    const auto texts =
        ask<scored_texts>(*model, rolling_logprob{{}, {too_long, "The king"}, false, in_place})
            .results;
    BOOST_TEST(texts[0].has_error());
    BOOST_TEST(texts[1]->logprobs.size() == 1u);
    const auto items =
        ask<scored_texts>(*model, logprob{{}, {{"The", ""}, {"The", " king"}}, false, in_place})
            .results;
    BOOST_TEST(items[0].error().detail.starts_with("items[0]: the completion"));
    BOOST_TEST(items[1]->logprobs.size() == 1u);
    const auto apart =
        ask<divergence_report>(*model, diverge{.prompts = {"", "The"}, .on_error = in_place});
    BOOST_TEST(apart.per_prompt[0].has_error());
    BOOST_TEST(apart.mean == apart.per_prompt[1].value());
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_fail_their_own_item_when_asked_so)
{
    const auto model = demo_model();
    const auto all =
        ask<scored_texts>(*model, rolling_logprob{scaled(1e38), {"", "The king"}, false, in_place})
            .results;
    BOOST_TEST(all[0]->logprobs.empty());
    BOOST_TEST((all[1].error().code == errc::backend_failed));
}

BOOST_AUTO_TEST_CASE(bos_goes_before_texts_that_lack_it_and_never_before_ids)
{
    const auto model = demo_model(); // whose tokenizer adds none
    constexpr token_id bos = 0;
    const auto ids = ask<tokens>(*model, tokenize{"The king", true}).ids;
    std::vector<token_id> with_bos{bos};
    with_bos.insert(with_bos.end(), ids.begin(), ids.end());
    const auto scored = [&](const text_or_ids& text) {
        return ask<scored_texts>(*model, rolling_logprob{{}, {text}, true}).results.at(0).value();
    };
    BOOST_TEST(scored("The king").ids == with_bos);
    BOOST_TEST(scored("<|endoftext|>The king").ids == with_bos);
    BOOST_TEST(scored(ids).ids == ids);
    BOOST_TEST(scored("").ids == std::vector{bos});
    BOOST_TEST(scored("The king").logprobs.size() == ids.size()); // the first word as well

    const auto slice = [&](const text_or_ids& prompt, bool with) {
        return ask<distributions>(*model, next_token{{}, {prompt}, 4, with}).slices.at(0)->logprobs;
    };
    BOOST_TEST(slice("The king", true) == slice(with_bos, false));
    BOOST_TEST(slice("", true) == slice(std::vector{bos}, false));
    const auto completion =
        ask<scored_texts>(*model, logprob{{}, {{"", "The king"}}, true}).results.at(0).value();
    BOOST_TEST(completion.ids == ids);
    BOOST_TEST(completion.logprobs == scored("The king").logprobs);
    const auto written = [&](const text_or_ids& prompt, bool with) {
        return ask<generation_result>(*model,
                                      generate{.prompt = prompt, .max_new_tokens = 4, .bos = with})
            .ids;
    };
    BOOST_TEST(written("The king", true) == written(with_bos, false));
    BOOST_TEST(
        (ask<divergence_report>(*model, diverge{.prompts = {"The king"}, .bos = true}).mean ==
         ask<divergence_report>(*model, diverge{.prompts = {with_bos}}).mean));
}

BOOST_AUTO_TEST_CASE(a_tokenizer_that_adds_its_bos_adds_it_once)
{
    const auto model = load_model(test_data / "fixtures/llama2-mini/model");
    const auto ids = [&](bool bos) {
        return ask<scored_texts>(*model, rolling_logprob{{}, {"a king"}, bos})
            .results.at(0)
            .value()
            .ids;
    };
    BOOST_TEST(ids(true) == ids(false));
}

BOOST_AUTO_TEST_CASE(a_model_without_a_bos_says_where_none_was_found)
{
    const auto model = load_model(test_data / "fixtures/qwen2-mini/model");
    const failure why = refusal(*model, rolling_logprob{{}, {"a king"}, true});
    BOOST_TEST((why.code == errc::unsupported));
    BOOST_TEST(why.detail.find("tokenizer_config.json") != std::string::npos, why.detail);
}

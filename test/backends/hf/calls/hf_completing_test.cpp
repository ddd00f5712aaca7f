// Completions: what is told of a prompt's tokens and of new ones is what other operations say.

#include "support/demo_model.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <span>

using namespace warmd;
using namespace warmd::hf;

namespace {

completed_prompts completed(backend& model, const complete& what)
{
    return ask<completed_prompts>(model, what);
}

std::vector<float> logprobs_of(const std::vector<listed_token>& tokens)
{
    std::vector<float> all;
    for (const listed_token& each : tokens)
        if (each.logprob)
            all.push_back(*each.logprob);
    return all;
}

/// Every model of the fixtures, with its adapter where there is one.
std::vector<model_spec> all_models()
{
    std::vector<model_spec> all{demo_spec("fp32"), demo_spec("bf16")};
    for (const auto& each : std::filesystem::directory_iterator(test_data / "fixtures")) {
        const auto model = each.path() / "model", adapter = each.path() / "adapter";
        if (exists(model))
            all.push_back(exists(adapter) ? spec_of(model, adapter) : spec_of(model));
    }
    return all;
}

const view views[]{{.what = view::mode::base}, {}, scaled(0.5), null_view(3)};

} // namespace

BOOST_AUTO_TEST_CASE(a_prompts_tokens_have_the_logprobs_of_rolling_logprob_and_next_token)
{
    const std::vector<text_or_ids> prompts{"In the beginning was the data", some_ids(20, 5)};
    for (const model_spec& spec : all_models()) {
        const auto model = load_with(hf_loader(), spec).value();
        for (const view& through : views) {
            if (!spec.adapter && through.what == view::mode::null)
                continue;
            const auto told = completed(*model, {.through = through,
                                                 .prompts = {prompts[0]},
                                                 .max_new_tokens = 0,
                                                 .stop = {},
                                                 .list = {},
                                                 .list_prompt = 3});
            const completed_prompt& prompt = told.prompts.at(0);
            const auto scored =
                ask<scored_texts>(*model, rolling_logprob{through, {prompts[0]}}).results.at(0);
            BOOST_TEST(prompt.ids == scored->ids, boost::test_tools::per_element());
            BOOST_TEST(logprobs_of(prompt.tokens) == scored->logprobs,
                       boost::test_tools::per_element());
            const std::size_t middle = prompt.ids.size() / 2;
            const std::vector<token_id> before(
                prompt.ids.begin(), prompt.ids.begin() + static_cast<std::ptrdiff_t>(middle));
            const auto slice =
                ask<distributions>(*model, next_token{through, {before}, 3}).slices.at(0);
            BOOST_TEST(prompt.tokens[middle].top_ids == slice->token_ids,
                       boost::test_tools::per_element());
            BOOST_TEST(prompt.tokens[middle].top_logprobs == slice->logprobs,
                       boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_added_is_what_generate_adds_and_choices_have_seeds_of_their_own)
{
    const auto model = demo_model();
    const auto told = completed(*model, {.through = {},
                                         .prompts = {"The king", "A queen"},
                                         .choices = 3,
                                         .max_new_tokens = 12,
                                         .temperature = 0.9,
                                         .seed = 5,
                                         .stop = {"e"},
                                         .list = 2,
                                         .list_prompt = {}});
    for (std::size_t p = 0; p != 2; ++p)
        for (std::size_t c = 0; c != 3; ++c) {
            const completed_text& choice = told.prompts.at(p).choices.at(c);
            const auto alone =
                ask<generation_result>(*model, generate{.through = {},
                                                        .prompt = p == 0 ? "The king" : "A queen",
                                                        .max_new_tokens = 12,
                                                        .temperature = 0.9,
                                                        .seed = 5 + c,
                                                        .stop = {"e"}});
            BOOST_TEST(choice.made.text == alone.text);
            BOOST_TEST(choice.made.ids == alone.ids);
            BOOST_TEST((choice.made.reason == alone.reason));
            BOOST_TEST(choice.tokens.size() == alone.ids.size());
            for (std::size_t i = 0; i != choice.tokens.size(); ++i) {
                BOOST_TEST(choice.tokens[i].id == alone.ids[i]);
                BOOST_TEST(told.texts.count(alone.ids[i]) == 1U);
            }
        }
    BOOST_TEST(told.prompts[0].choices[0].made.ids != told.prompts[0].choices[1].made.ids);
    BOOST_TEST(told.prompts[0].tokens.empty());
}

BOOST_AUTO_TEST_CASE(a_new_tokens_logprob_is_what_logprob_says_and_its_rank_counts)
{
    const auto model = demo_model();
    const auto told = completed(*model, {.through = {},
                                         .prompts = {some_ids(9, 1)},
                                         .max_new_tokens = 6,
                                         .temperature = 2,
                                         .seed = 1,
                                         .stop = {},
                                         .list = 5,
                                         .list_prompt = 5});
    const completed_prompt& prompt = told.prompts.at(0);
    const completed_text& choice = prompt.choices.at(0);
    const auto scored = ask<scored_texts>(*model, logprob{{}, {{prompt.ids, choice.made.ids}}});
    BOOST_TEST(logprobs_of(choice.tokens) == scored.results.at(0)->logprobs,
               boost::test_tools::per_element());
    for (const listed_token& each : choice.tokens) {
        std::uint64_t better = 0;
        for (std::size_t i = 0; i != each.top_ids.size(); ++i)
            better += each.top_logprobs[i] > *each.logprob ||
                              (each.top_logprobs[i] == *each.logprob && each.top_ids[i] < each.id)
                          ? 1U
                          : 0U;
        BOOST_TEST((each.rank == better + 1 || (better == 5 && each.rank > 5)));
    }
}

BOOST_AUTO_TEST_CASE(offsets_count_the_characters_before_a_token)
{
    const auto model = demo_model();
    const std::string text = "Déjà vu, 日本 😀!";
    const auto told = completed(*model, {.through = {},
                                         .prompts = {text},
                                         .max_new_tokens = 0,
                                         .stop = {},
                                         .list = {},
                                         .list_prompt = 0});
    const completed_prompt& prompt = told.prompts.at(0);
    BOOST_TEST(prompt.text == text);
    std::size_t last = 0;
    for (const listed_token& each : prompt.tokens) {
        BOOST_TEST(each.offset >= last);
        BOOST_TEST(each.top_ids.empty());
        last = each.offset;
    }
    BOOST_TEST(last < 15U); // characters, not bytes
    BOOST_TEST(last >= 12U);
}

BOOST_AUTO_TEST_CASE(a_stream_tells_what_the_answer_lists)
{
    const auto model = demo_model();
    std::vector<std::vector<token_id>> ids(4);
    std::string pieces;
    bool over = false;
    completed_prompts all;
    call one{.what = complete{.through = {},
                              .prompts = {"The", "A"},
                              .choices = 2,
                              .max_new_tokens = 7,
                              .seed = 3,
                              .stop = {},
                              .list = 1,
                              .list_prompt = {}},
             .stop = {},
             .on_token =
                 [&](const generated_token& token) {
                     ids.at(token.choice).push_back(token.id);
                     BOOST_TEST(token.texts.count(token.id) == 1U);
                     BOOST_TEST(*token.listed->logprob == token.logprob);
                     if (token.choice == 3)
                         pieces += token.text;
                 },
             .complete =
                 [&](const result<outcome>& told) {
                     all = std::get<completed_prompts>(told.value());
                     over = true;
                 }};
    run_together(*model, std::span(&one, 1));
    BOOST_TEST(over);
    for (std::size_t i = 0; i != 4; ++i)
        BOOST_TEST(all.prompts.at(i / 2).choices.at(i % 2).made.ids == ids[i]);
    BOOST_TEST(pieces == all.prompts[1].choices[1].made.text);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_continued_names_its_place)
{
    const auto model = demo_model();
    const failure why = refusal(
        *model, complete{.through = {}, .prompts = {"a", std::vector<token_id>{5000}}, .stop = {}});
    BOOST_TEST((why.code == errc::invalid_params));
    BOOST_TEST(why.detail.starts_with("prompt[1]: token id 5000"));
}

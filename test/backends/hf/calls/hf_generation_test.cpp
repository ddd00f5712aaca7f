// Generation: when it ends, what it returns, what it streams.

#include "support/demo_model.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <span>

using namespace warmd;
using namespace warmd::hf;

BOOST_AUTO_TEST_CASE(a_long_context_ends_a_generation)
{
    const auto model = demo_model();
    const auto full = ask<generation_result>(
        *model, generate{.through = {}, .prompt = some_ids(512, 0), .max_new_tokens = 100});
    BOOST_TEST(full.ids.size() == 1u);
    BOOST_TEST((full.reason == generation_result::finish::length));
    const auto nearly = ask<generation_result>(
        *model, generate{.through = {}, .prompt = some_ids(500, 0), .max_new_tokens = 100});
    BOOST_TEST(nearly.ids.size() <= 12u);
}

BOOST_AUTO_TEST_CASE(a_seed_decides_the_text)
{
    const auto model = demo_model();
    const auto draw = [&](std::uint64_t seed, double top_p, std::size_t top_k) {
        return ask<generation_result>(*model, generate{.through = {},
                                                       .prompt = "The king",
                                                       .max_new_tokens = 24,
                                                       .temperature = 1,
                                                       .top_p = top_p,
                                                       .top_k = top_k,
                                                       .seed = seed})
            .ids;
    };
    BOOST_TEST(draw(1, 1, 0) == draw(1, 1, 0));
    BOOST_TEST(draw(1, 1, 0) != draw(2, 1, 0));
    const auto greedy =
        ask<generation_result>(*model,
                               generate{.through = {}, .prompt = "The king", .max_new_tokens = 24})
            .ids;
    BOOST_TEST(draw(3, 1, 1) == greedy);
    BOOST_TEST(draw(4, 1e-9, 0) == greedy);
}

BOOST_AUTO_TEST_CASE(the_pieces_of_a_stream_are_the_text)
{
    const auto model = demo_model();
    for (std::uint64_t seed = 0; seed != 8; ++seed) {
        std::string pieces;
        std::vector<token_id> ids;
        generation_result whole;
        bool over = false;
        call one{.what = generate{.through = null_view(3),
                                  .prompt = "The",
                                  .max_new_tokens = 60,
                                  .temperature = 3,
                                  .seed = seed,
                                  .stop = {" an", "e "}},
                 .stop = {},
                 .on_token =
                     [&](const generated_token& token) {
                         BOOST_TEST(!over);
                         BOOST_TEST((std::isfinite(token.logprob) && token.logprob <= 0));
                         pieces += token.text;
                         ids.push_back(token.id);
                     },
                 .complete =
                     [&](result<outcome> came) {
                         over = true;
                         whole = std::get<generation_result>(came.value());
                     }};
        run_together(*model, std::span(&one, 1));
        BOOST_TEST(over);
        BOOST_TEST(pieces == whole.text);
        BOOST_TEST(ids == whole.ids);
        BOOST_TEST(whole.text.find(" an") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_stop_string_ends_and_cuts_the_text)
{
    const auto model = demo_model();
    const generate plain{
        .through = {.what = view::mode::base}, .prompt = "The database", .max_new_tokens = 12};
    const std::string text = ask<generation_result>(*model, plain).text;
    generate stopped = plain;
    stopped.stop = {"opened"};
    const auto cut = ask<generation_result>(*model, stopped);
    BOOST_REQUIRE(text.find("opened") != std::string::npos);
    BOOST_TEST(cut.text == text.substr(0, text.find("opened")));
    BOOST_TEST((cut.reason == generation_result::finish::stop));
}

BOOST_AUTO_TEST_CASE(a_call_asked_to_stop_is_completed_as_cancelled_and_the_others_go_on)
{
    const auto model = demo_model();
    std::stop_source stop;
    std::size_t seen = 0;
    std::optional<result<outcome>> stopped, other;
    std::vector<call> calls;
    calls.push_back({.what = generate{.through = {}, .prompt = "The", .max_new_tokens = 400},
                     .stop = stop.get_token(),
                     .on_token =
                         [&](const generated_token&) {
                             if (++seen == 3)
                                 stop.request_stop();
                         },
                     .complete = [&](result<outcome> came) { stopped.emplace(std::move(came)); }});
    calls.push_back({.what = generate{.through = {}, .prompt = "The", .max_new_tokens = 8},
                     .stop = {},
                     .complete = [&](result<outcome> came) { other.emplace(std::move(came)); }});
    run_together(*model, calls);
    BOOST_TEST(seen == 3u);
    BOOST_TEST((stopped->error().code == errc::cancelled));
    BOOST_TEST(std::get<generation_result>(other->value()).ids.size() == 8u);
}

BOOST_AUTO_TEST_CASE(a_stop_token_ends_the_text_before_itself)
{
    const auto model = demo_model();
    generate what{
        .through = {.what = view::mode::base}, .prompt = "The database", .max_new_tokens = 12};
    const auto whole = ask<generation_result>(*model, what);
    const token_id third = whole.ids.at(2);
    BOOST_TEST_REQUIRE((whole.ids[0] != third && whole.ids[1] != third));
    what.stop_token_ids = {2000, third};
    std::string streamed;
    const auto cut = ask<generation_result>(*model, what);
    BOOST_TEST((cut.reason == generation_result::finish::stop));
    BOOST_TEST((cut.ids == std::vector(whole.ids.begin(), whole.ids.begin() + 3)));
    BOOST_TEST(cut.text ==
               ask<plain_text>(*model, detokenize{{whole.ids[0], whole.ids[1]}, true}).text);
}

BOOST_AUTO_TEST_CASE(a_special_tokens_text_stops_at_that_token)
{
    // Its eos is another token than <|endoftext|>, which the text leaves out.
    const auto model = load_model(test_data / "fixtures/qwen3-mini/model");
    const token_id end = ask<tokens>(*model, tokenize{"<|endoftext|>", false}).ids.at(0);
    const auto drawn = [&](std::vector<std::string> stop) {
        return ask<generation_result>(*model, generate{.prompt = "a",
                                                       .max_new_tokens = 500,
                                                       .temperature = 1e6,
                                                       .seed = 11,
                                                       .stop = std::move(stop)});
    };
    const auto free = drawn({});
    const auto at = std::find(free.ids.begin(), free.ids.end(), end);
    BOOST_TEST_REQUIRE((at != free.ids.end())); // all tokens are about equally likely
    const auto stopped = drawn({"no such text", "<|endoftext|>"});
    BOOST_TEST((stopped.reason == generation_result::finish::stop));
    BOOST_TEST((stopped.ids == std::vector(free.ids.begin(), at + 1)));
    BOOST_TEST(free.text.starts_with(stopped.text));
}

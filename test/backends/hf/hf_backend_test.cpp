// What a loaded model promises beyond its numbers: views, and the same bits in any company.

#include "hf/hf_backend.hpp"
#include "support/demo_model.hpp"
#include "support/outcome_bits.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>
#include <span>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// Some operation through some view, on texts of 1 to 150 tokens.
template <class Below>
operation random_request(const Below& below)
{
    const view views[]{{.what = view::mode::base}, {}, scaled(0.25), null_view(7), null_view(8)};
    const view through = views[below(std::size(views))];
    const auto text = [&] {
        return some_ids(1 + (below(3) == 0 ? below(150) : below(20)),
                        static_cast<token_id>(below(2048)));
    };
    switch (below(5)) {
    case 0: return rolling_logprob{through, {text(), text()}};
    case 1: return logprob{through, {{text(), text()}}};
    case 2: return diverge{.to = through, .prompts = {text(), text()}};
    case 3:
        return generate{.through = through,
                        .prompt = text(),
                        .max_new_tokens = 1 + below(8),
                        .temperature = 0.9,
                        .seed = below(100)};
    default: return next_token{through, {text(), text(), text()}, 1 + below(64)};
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(scale_zero_is_base_and_scale_one_is_the_fine_tuned_view_to_the_bit)
{
    const auto model = demo_model();
    const auto base = rolling(*model, {.what = view::mode::base}), ft = rolling(*model, {});
    BOOST_TEST((rolling(*model, scaled(0)) == base));
    BOOST_TEST((rolling(*model, scaled(1)) == ft));
    BOOST_TEST((base != ft));
    BOOST_TEST((rolling(*model, scaled(0.5)) != ft));
    BOOST_TEST(
        (rolling(*model, {.what = view::mode::base}) == base)); // the views before left no trace
}

BOOST_DATA_TEST_CASE(what_a_view_without_finite_numbers_leaves_in_memory_reaches_no_other,
                     boost::unit_test::data::make({"fp32", "bf16"}), dtype)
{
    const auto model = demo_model(dtype), untouched = demo_model(dtype);
    const auto refused =
        refusal(*model, rolling_logprob{scaled(1e38),
                                        {"Long enough to fill what a short text leaves free."}});
    BOOST_TEST((refused.code == errc::backend_failed));
    BOOST_TEST((rolling(*model, {.what = view::mode::base}, "Short.") ==
                rolling(*untouched, {.what = view::mode::base}, "Short.")));
}

BOOST_AUTO_TEST_CASE(a_model_without_an_adapter_shows_its_base_through_every_view)
{
    const auto model = load_model(demo / "model");
    const auto base = rolling(*model, {.what = view::mode::base});
    BOOST_TEST((rolling(*model, {}) == base));
    BOOST_TEST((rolling(*model, scaled(2)) == base));
    BOOST_TEST((rolling(*model, null_view(1)) == base));
}

BOOST_AUTO_TEST_CASE(null_views_of_more_seeds_than_are_kept_have_the_bits_they_have_alone)
{
    const auto model = demo_model(), other = demo_model();
    std::vector<operation> all;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 2, 1})
        all.push_back(rolling_logprob{null_view(seed), {"And there was a king over Israel."}});
    for (int round = 0; round != 2; ++round) {
        const auto together = ask_all(*model, all);
        for (std::size_t i = 0; i != all.size(); ++i)
            BOOST_TEST(
                (bits_of(together[i].value()) == bits_of(ask_all(*other, {all[i]})[0].value())));
    }
}

BOOST_AUTO_TEST_CASE(of_null_views_a_few_are_kept_and_of_a_large_adapter_one)
{
    BOOST_TEST(most_null_views(0) == 4u);
    BOOST_TEST(most_null_views(1 << 20) == 4u);
    BOOST_TEST(most_null_views(100 << 20) == 2u);
    BOOST_TEST(most_null_views(std::uint64_t{1} << 40) == 1u);
}

BOOST_AUTO_TEST_CASE(a_null_view_is_a_function_of_its_parameters)
{
    const auto model = demo_model(), other = demo_model();
    const auto first = rolling(*model, null_view(1000));
    const auto second = rolling(*model, null_view(1001));
    BOOST_TEST((first != second));
    BOOST_TEST((rolling(*model, null_view(1000)) == first));
    BOOST_TEST((rolling(*other, null_view(1000)) == first));
    BOOST_TEST((first != rolling(*model, {.what = view::mode::base})));
    BOOST_TEST((first != rolling(*model, {})));
    const view wide{.what = view::mode::null, .seed = 1000, .init_scale = 0.02, .rank_scale = 4},
        large{.what = view::mode::null, .seed = 1000, .init_scale = 0.04};
    BOOST_TEST((rolling(*model, wide) == rolling(*model, large))); // 0.02 * sqrt(4)
    BOOST_TEST((rolling(*model, wide) != first));
    const view none{.what = view::mode::null, .seed = 1000, .init_scale = 0};
    const auto without = rolling(*model, none), base = rolling(*model, {.what = view::mode::base});
    BOOST_TEST((without == base));
}

BOOST_DATA_TEST_CASE(each_of_200_random_requests_has_the_same_bits_alone_and_among_others,
                     boost::unit_test::data::make({"fp32", "bf16", "int8", "int4"}), dtype)
{
    const auto model = demo_model(dtype);
    std::mt19937 random(20);
    const auto below = [&](std::size_t limit) {
        return static_cast<std::size_t>(random() % limit);
    };
    std::vector<operation> requests;
    for (std::size_t i = 0; i != 200; ++i)
        requests.push_back(random_request(below));
    std::vector<std::string> alone;
    for (const operation& each : requests) {
        alone.push_back(bits_of(ask_all(*model, {each}).at(0).value()));
        BOOST_TEST(!alone.back().empty());
    }
    std::vector<std::size_t> order(requests.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t first = 0, count = 0; first != order.size(); first += count) {
        count = std::min(1 + below(12), order.size() - first);
        std::vector<operation> together;
        for (std::size_t i = first; i != first + count; ++i)
            together.push_back(requests[order[i]]);
        const auto answers = ask_all(*model, together);
        for (std::size_t i = 0; i != count; ++i)
            BOOST_TEST((bits_of(answers[i].value()) == alone[order[first + i]]),
                       "request " << order[first + i]);
    }
}

BOOST_AUTO_TEST_CASE(a_prefix_scores_the_same_within_a_longer_text)
{
    const auto model = demo_model();
    const auto whole =
        ask<scored_texts>(*model, rolling_logprob{{}, {some_ids(512, 3)}}).results.at(0).value();
    const auto prefix =
        ask<scored_texts>(*model, rolling_logprob{{}, {some_ids(77, 3)}}).results.at(0).value();
    BOOST_TEST(
        (std::vector(whole.logprobs.begin(), whole.logprobs.begin() + 76) == prefix.logprobs));
}

BOOST_AUTO_TEST_CASE(prompts_that_share_a_prefix_have_the_distributions_they_have_alone)
{
    const auto model = demo_model();
    std::vector<text_or_ids> prompts;
    for (const std::size_t common : {0, 31, 32, 33, 100, 200, 200, 299}) {
        auto ids = some_ids(300, 3);
        const auto own = some_ids(300 - common, 17);
        std::copy(own.begin(), own.end(), ids.begin() + static_cast<std::ptrdiff_t>(common));
        prompts.emplace_back(ids);
    }
    prompts.emplace_back(some_ids(64, 3)); // a prefix of others
    prompts.emplace_back(some_ids(300, 3));
    const view views[]{{.what = view::mode::base}, {}};
    for (const view& through : views) {
        const auto together = ask<distributions>(*model, next_token{through, prompts, 64}).slices;
        for (std::size_t i = 0; i != prompts.size(); ++i) {
            const auto alone = ask<distributions>(*model, next_token{through, {prompts[i]}, 64})
                                   .slices.at(0)
                                   .value();
            BOOST_TEST((alone.logprobs == together[i]->logprobs &&
                        alone.token_ids == together[i]->token_ids),
                       i);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_sequence_whose_prefix_another_was_computing_goes_on_when_that_one_is_stopped)
{
    const auto model = demo_model();
    std::stop_source stop;
    std::optional<result<outcome>> stopped, other;
    std::vector<call> calls;
    auto longer = some_ids(400, 3);
    longer.push_back(5);
    calls.push_back(
        {.what = generate{.through = {}, .prompt = some_ids(400, 3), .max_new_tokens = 100},
         .stop = stop.get_token(),
         .on_token = [&](const generated_token&) { stop.request_stop(); },
         .complete = [&](result<outcome> came) { stopped.emplace(std::move(came)); }});
    calls.push_back({.what = next_token{{}, {longer}, 64},
                     .stop = {},
                     .complete = [&](result<outcome> came) { other.emplace(std::move(came)); }});
    run_together(*model, calls);
    BOOST_TEST((stopped->error().code == errc::cancelled));
    const auto alone =
        ask<distributions>(*model, next_token{{}, {longer}, 64}).slices.at(0).value();
    BOOST_TEST(
        (std::get<distributions>(other->value()).slices.at(0).value().logprobs == alone.logprobs));
}

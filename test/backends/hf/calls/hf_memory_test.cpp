// What sequences under way remember has a bound: what can never fit is refused, what does not fit
// now waits its turn.

#include "support/demo_model.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// The demo model, with room for the keys and values of so many blocks of positions.
struct bounded_model {
    std::shared_ptr<metrics> counted = std::make_shared<metrics>();
    std::atomic<std::uint64_t>& in_use = counted->kv_bytes;
    std::unique_ptr<backend> model;

    explicit bounded_model(std::uint64_t bytes)
        : model(load_with(hf_loader({}, {.max_kv_bytes = bytes, .counted = counted}),
                          demo_spec("auto"))
                    .value())
    {
    }
};

/// What the keys and values of `text` take, as seen while it is generated from.
std::uint64_t bytes_of(const text_or_ids& text)
{
    const bounded_model free(std::uint64_t{1} << 40);
    std::uint64_t seen = 0;
    call one{.what = generate{.prompt = text, .max_new_tokens = 1},
             .stop = {},
             .on_token = [&](const generated_token&) { seen = free.in_use; },
             .complete = [](const result<outcome>& came) { BOOST_TEST(came.has_value()); }};
    run_together(*free.model, std::span(&one, 1));
    BOOST_TEST(free.in_use == 0u);
    return seen;
}

std::uint64_t block_bytes() { return bytes_of(some_ids(1, 1)); }

} // namespace

BOOST_AUTO_TEST_CASE(a_sequence_sets_aside_all_that_it_can_come_to)
{
    const std::uint64_t block = block_bytes();
    BOOST_TEST(block > 0u);
    const bounded_model free(std::uint64_t{1} << 40);
    std::uint64_t seen = 0;
    call one{.what = generate{.prompt = some_ids(1, 1), .max_new_tokens = 100'000},
             .stop = {},
             .on_token =
                 [&](const generated_token&) {
                     if (seen == 0)
                         seen = free.in_use;
                 },
             .complete = [](const result<outcome>&) {}};
    run_together(*free.model, std::span(&one, 1));
    BOOST_TEST(seen == bytes_of(some_ids(512, 1))); // its context, whatever was asked for
}

BOOST_AUTO_TEST_CASE(what_can_never_fit_is_refused_before_it_starts_with_both_numbers)
{
    const std::uint64_t block = block_bytes(), whole = bytes_of(some_ids(400, 1));
    BOOST_TEST_REQUIRE(whole > 2 * block);
    const bounded_model small(2 * block);
    const failure why = refusal(*small.model, rolling_logprob{{}, {"fits", some_ids(401, 1)}});
    BOOST_TEST((why.code == errc::too_large));
    BOOST_TEST(why.detail.find(std::to_string(whole)) != std::string::npos, why.detail);
    BOOST_TEST(why.detail.find(std::to_string(2 * block)) != std::string::npos, why.detail);
    BOOST_TEST((refusal(*small.model, generate{.prompt = "The", .max_new_tokens = 400}).code ==
                errc::too_large));
    BOOST_TEST(
        ask<scored_texts>(*small.model, rolling_logprob{{}, {"fits"}}).results[0].has_value());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_at_once_waits_and_has_the_same_bits)
{
    const std::uint64_t whole = bytes_of(some_ids(300, 1));
    const bounded_model tight(whole);
    const auto roomy = demo_model();
    std::vector<operation> all;
    std::vector<text_or_ids> alike, unlike;
    for (token_id i = 0; i != 12; ++i) {
        auto ids = some_ids(300, 5); // all but the end is the same
        ids.back() = i;
        alike.emplace_back(ids);
        unlike.emplace_back(some_ids(40 + 20 * static_cast<std::size_t>(i), 7 * i));
    }
    all.push_back(next_token{{}, alike, 8});
    all.push_back(next_token{scaled(0.5), unlike, 8});
    all.push_back(generate{.prompt = unlike[3], .max_new_tokens = 40});
    const auto answers = ask_all(*tight.model, all), expected = ask_all(*roomy, all);
    for (std::size_t call = 0; call != 2; ++call) {
        const auto& found = std::get<distributions>(answers[call].value()).slices;
        const auto& wanted = std::get<distributions>(expected[call].value()).slices;
        for (std::size_t i = 0; i != found.size(); ++i)
            BOOST_TEST((found[i].value().logprobs == wanted[i].value().logprobs));
    }
    BOOST_TEST(std::get<generation_result>(answers[2].value()).ids ==
               std::get<generation_result>(expected[2].value()).ids);
    BOOST_TEST(tight.in_use == 0u);
}

BOOST_AUTO_TEST_CASE(the_bound_is_never_passed)
{
    const std::uint64_t bound = 3 * block_bytes();
    const bounded_model tight(bound);
    std::vector<call> calls;
    std::uint64_t most = 0;
    std::size_t completed = 0;
    for (std::size_t i = 0; i != 24; ++i)
        calls.push_back(
            {.what = generate{.prompt = some_ids(4 + i, static_cast<token_id>(i)),
                              .max_new_tokens = 1 + i % 5},
             .stop = {},
             .on_token =
                 [&](const generated_token&) {
                     most = std::max<std::uint64_t>(most, tight.in_use);
                 },
             .complete = [&](const result<outcome>& came) { completed += came.has_value(); }});
    run_together(*tight.model, calls);
    BOOST_TEST(completed == calls.size());
    BOOST_TEST(most <= bound);
    BOOST_TEST(most > 0u);
}

BOOST_AUTO_TEST_CASE(a_call_that_waits_for_room_can_be_given_up)
{
    const bounded_model tight(block_bytes());
    std::stop_source stop;
    std::vector<std::optional<result<outcome>>> came(2);
    std::vector<call> calls;
    for (std::size_t i = 0; i != 2; ++i)
        calls.push_back(
            {.what = generate{.prompt = some_ids(2, 1), .max_new_tokens = 8},
             .stop = i == 1 ? stop.get_token() : std::stop_token(),
             .on_token = [&](const generated_token&) { stop.request_stop(); },
             .complete = [&came,
                          i](result<outcome> answer) { came[i].emplace(std::move(answer)); }});
    run_together(*tight.model, calls);
    BOOST_TEST(came[0]->has_value());
    BOOST_TEST((came[1]->error().code == errc::cancelled));
}

BOOST_AUTO_TEST_CASE(models_that_share_the_bound_take_turns)
{
    const std::uint64_t whole = bytes_of(some_ids(200, 1));
    const auto counted = std::make_shared<metrics>();
    const loader by = hf_loader({}, {.max_kv_bytes = whole, .counted = counted});
    const auto fine = load_with(by, demo_spec("auto")).value();
    const auto base = load_with(by, spec_of(demo / "model")).value();
    const auto keep_asking = [](backend& model, std::size_t& answered) {
        for (token_id i = 0; i != 6; ++i)
            answered += ask<scored_texts>(
                            model, rolling_logprob{{}, {some_ids(200, i), some_ids(200, -i + 9)}})
                            .results.size();
    };
    std::size_t one = 0, other = 0;
    std::thread second([&] { keep_asking(*base, other); });
    keep_asking(*fine, one);
    second.join();
    BOOST_TEST(one == 12u);
    BOOST_TEST(other == 12u);
    BOOST_TEST(counted->kv_bytes == 0u);
}

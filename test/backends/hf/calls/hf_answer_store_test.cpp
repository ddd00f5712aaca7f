// Answers through the base view are remembered, within a bound, and come back as they were.

#include "hf/calls/answer_store.hpp"

#include "hf/calls/scoring.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

using namespace warmd;
using namespace warmd::hf;

namespace {

constexpr std::uint64_t no_bound = std::uint64_t{1} << 40;

answer_key some_key(token_id first, std::uint64_t base = 1)
{
    return {base, answer_key::kind::logprobs, 1, {first, 2, 3}};
}
remembered_answer some_logprobs(float first) { return std::vector<float>{first, -2}; }

float first_of(const std::shared_ptr<const remembered_answer>& found)
{
    return found ? std::get<std::vector<float>>(*found)[0] : 0;
}

/// What a store counts for one of some_logprobs().
std::uint64_t one_answer()
{
    const auto shown = std::make_shared<metrics>();
    answer_store(no_bound, shown).keep(some_key(1), some_logprobs(-1));
    return shown->answer_bytes;
}

constexpr std::size_t vocabulary = 11;

/// What a model might say after a position, the same each time.
std::vector<float> logits_after(std::size_t position)
{
    std::vector<float> logits(vocabulary);
    for (std::size_t i = 0; i != vocabulary; ++i)
        logits[i] = std::sin(static_cast<float>(7 * i + 3 * position));
    return logits;
}

/// Runs it to its end.
void run(sequence& all)
{
    for (std::size_t at = all.first_logits(); at < all.wanted(); ++at)
        all.receive(at, logits_after(at));
}

/// Not a finite one among its logits.
void run_broken(sequence& all)
{
    const std::vector<float> broken(vocabulary, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t at = all.first_logits(); at < all.wanted(); ++at)
        all.receive(at, broken);
}

} // namespace

BOOST_AUTO_TEST_CASE(an_answer_is_found_by_all_that_it_depends_on)
{
    const auto shown = std::make_shared<metrics>();
    answer_store store(no_bound, shown);
    const answer_key key = some_key(1);
    store.keep(key, some_logprobs(-1));
    answer_key base = key, what = key, detail = key, ids = key, more = key;
    base.base = 2;
    what.what = answer_key::kind::top_slice;
    detail.detail = 2;
    ids.ids[2] = 4;
    more.ids.push_back(4);
    for (const answer_key& other : {base, what, detail, ids, more})
        BOOST_TEST(!store.find(other));
    BOOST_TEST(shown->answers_remembered == 0u);
    BOOST_TEST(first_of(store.find(key)) == -1);
    BOOST_TEST(shown->answers_remembered == 1u);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_answer_goes_first_and_the_bound_holds)
{
    const std::uint64_t each = one_answer();
    BOOST_TEST(each > sizeof(answer_key) + 3 * sizeof(token_id) + 2 * sizeof(float));
    const auto shown = std::make_shared<metrics>();
    answer_store store(3 * each - 1, shown);
    store.keep(some_key(1), some_logprobs(-1));
    store.keep(some_key(2), some_logprobs(-2));
    BOOST_TEST(shown->answer_bytes == 2 * each);
    BOOST_TEST(first_of(store.find(some_key(1))) == -1);
    store.keep(some_key(3), some_logprobs(-3));
    BOOST_TEST(shown->answer_bytes == 2 * each);
    BOOST_TEST(!store.find(some_key(2)));
    BOOST_TEST(first_of(store.find(some_key(1))) == -1);
    BOOST_TEST(first_of(store.find(some_key(3))) == -3);
}

BOOST_AUTO_TEST_CASE(what_is_larger_than_the_bound_pushes_nothing_out)
{
    const std::uint64_t each = one_answer();
    answer_store store(each), off(0);
    store.keep(some_key(1), some_logprobs(-1));
    store.keep(some_key(2), std::vector<float>(3, -1));
    BOOST_TEST(!store.find(some_key(2)));
    BOOST_TEST(first_of(store.find(some_key(1))) == -1);
    off.keep(some_key(1), some_logprobs(-1));
    BOOST_TEST(!off.find(some_key(1)));
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_twice_counts_once)
{
    const auto shown = std::make_shared<metrics>();
    answer_store store(no_bound, shown);
    store.keep(some_key(1), some_logprobs(-1));
    store.keep(some_key(1), some_logprobs(-1));
    BOOST_TEST(shown->answer_bytes == one_answer());
}

BOOST_AUTO_TEST_CASE(with_its_base_an_answer_is_forgotten)
{
    const auto shown = std::make_shared<metrics>();
    answer_store store(no_bound, shown);
    for (token_id i = 0; i != 3; ++i) {
        store.keep(some_key(i, 1), some_logprobs(-1));
        store.keep(some_key(i, 2), some_logprobs(-2));
    }
    store.drop(1);
    for (token_id i = 0; i != 3; ++i) {
        BOOST_TEST(!store.find(some_key(i, 1)));
        BOOST_TEST(first_of(store.find(some_key(i, 2))) == -2);
    }
    BOOST_TEST(shown->answer_bytes == 3 * one_answer());
    store.drop(2);
    BOOST_TEST(shown->answer_bytes == 0u);
}

BOOST_AUTO_TEST_CASE(many_threads_find_what_was_kept_or_nothing)
{
    const auto shown = std::make_shared<metrics>();
    answer_store store(8 * one_answer(), shown);
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t != 3; ++t)
            threads.emplace_back([&, t] {
                for (int i = 1; i != 2000; ++i) {
                    const token_id which = (i * (t + 1)) % 12 + 1;
                    if (const auto found = store.find(some_key(which)))
                        wrong += first_of(found) != -static_cast<float>(which);
                    else
                        store.keep(some_key(which), some_logprobs(-static_cast<float>(which)));
                    if (i % 500 == 0)
                        store.drop(1);
                }
            });
    }
    BOOST_TEST(wrong == 0);
    BOOST_TEST(shown->answer_bytes <= 8 * one_answer());
    store.drop(1);
    BOOST_TEST(shown->answer_bytes == 0u);
}

BOOST_AUTO_TEST_CASE(a_recalled_slice_is_the_one_that_was_computed)
{
    answer_store store(no_bound);
    slice_sequence first({4, 5, 6}, 3), second({4, 5, 6}, 3), wider({4, 5, 6}, 4);
    run(first);
    store.keep(first.remembered_as(1).value(), first.found().value());
    const top_slice computed = first.take().value();
    BOOST_TEST(!store.find(wider.remembered_as(1).value()));
    BOOST_TEST(!store.find(second.remembered_as(2).value()));
    second.recall(*store.find(second.remembered_as(1).value()));
    BOOST_TEST(second.wanted() == 0u);
    const top_slice recalled = second.take().value();
    BOOST_TEST(recalled.token_ids == computed.token_ids);
    BOOST_TEST(recalled.token_ids.size() == 3u);
    BOOST_TEST((recalled.logprobs == computed.logprobs));
    BOOST_TEST((recalled.tail_logprob == computed.tail_logprob));
    BOOST_TEST(recalled.vocab_size == computed.vocab_size);
    BOOST_TEST(store.find(second.remembered_as(1).value())); // what was taken was a copy
    slice_sequence third({4, 5, 6}, 3);
    third.recall(*store.find(third.remembered_as(1).value()));
    BOOST_TEST((third.take().value().logprobs == computed.logprobs));
}

BOOST_AUTO_TEST_CASE(recalled_logprobs_are_those_that_were_computed_whatever_asked_for_them)
{
    answer_store store(no_bound);
    scored_sequence rolling({4, 5, 6, 7}, 0), completion({4, 5, 6, 7}, 1), later({4, 5, 6, 7}, 2);
    run(rolling);
    store.keep(rolling.remembered_as(1).value(), rolling.found().value());
    const scored_text computed = rolling.take().value();
    BOOST_TEST(!store.find(later.remembered_as(1).value()));
    completion.recall(*store.find(completion.remembered_as(1).value()));
    BOOST_TEST(completion.wanted() == 0u);
    const scored_text recalled = completion.take().value();
    BOOST_TEST((recalled.logprobs == computed.logprobs));
    BOOST_TEST(recalled.logprobs.size() == 3u);
    BOOST_TEST(recalled.total == computed.total);
    BOOST_TEST(computed.ids == (std::vector<token_id>{4, 5, 6, 7}));
    BOOST_TEST(recalled.ids == (std::vector<token_id>{5, 6, 7})); // its own, not the other's
}

BOOST_AUTO_TEST_CASE(what_failed_or_wanted_nothing_is_not_remembered)
{
    slice_sequence slice({4, 5}, 3);
    scored_sequence scored({4, 5}, 0), one_token({4}, 0);
    run_broken(slice);
    run_broken(scored);
    BOOST_TEST(!slice.found().has_value());
    BOOST_TEST(!scored.found().has_value());
    BOOST_TEST(slice.take().has_error());
    BOOST_TEST(scored.take().has_error());
    BOOST_TEST(!one_token.remembered_as(1).has_value());
}

BOOST_AUTO_TEST_CASE(a_sequence_shares_whole_blocks_in_which_it_wants_no_logits)
{
    const std::vector<token_id> ids(2 * attention_block + 1, 1);
    BOOST_TEST(slice_sequence(ids, 1).shareable_blocks() == 2u);
    BOOST_TEST(
        slice_sequence(std::vector<token_id>(2 * attention_block, 1), 1).shareable_blocks() == 1u);
    BOOST_TEST(scored_sequence(ids, 0).shareable_blocks() == 0u);
    BOOST_TEST(scored_sequence(ids, attention_block).shareable_blocks() == 0u);
    BOOST_TEST(scored_sequence(ids, attention_block + 1).shareable_blocks() == 1u);
    BOOST_TEST(scored_sequence(ids, 2 * attention_block).shareable_blocks() == 1u);
}

// What a sequence finds of its beginning, who computes it, and what is kept of it for how long.

#include "support/prefix_guest.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// A sequence comes, is computed, and leaves; with how many blocks it began.
std::size_t pass(small_pool& of, prefix_store& store, const token_ids& ids,
                 const lens_key& through = base)
{
    guest one(of, store, 1000, ids, through);
    const std::size_t began_with = one.begin();
    one.compute_all();
    return began_with;
}

/// How many blocks are there for `ids`.
std::size_t found(prefix_store& store, const token_ids& ids, const lens_key& through = base)
{
    return store.enter(1001, through, ids, ids.size() / attention_block).there();
}

/// What the store counts for one block.
std::uint64_t kept_block()
{
    small_pool of(1);
    prefix_store store(no_bound);
    pass(of, store, text({1}));
    return store.bytes();
}

} // namespace

BOOST_AUTO_TEST_CASE(the_longest_beginning_that_was_computed_is_found)
{
    small_pool of(100);
    prefix_store store(no_bound);
    BOOST_TEST(pass(of, store, text({1, 2, 3})) == 0u);
    BOOST_TEST(pass(of, store, text({1, 2, 4})) == 2u);
    BOOST_TEST(found(store, text({1})) == 1u);
    BOOST_TEST(found(store, text({1, 2, 4, 5})) == 3u);
    BOOST_TEST(found(store, text({1, 3})) == 1u);
    BOOST_TEST(found(store, text({2})) == 0u);
    BOOST_TEST(of.budget->in_use() == 4 * of.block);
}

BOOST_AUTO_TEST_CASE(what_differs_within_a_block_shares_the_whole_blocks_before_it)
{
    small_pool of(100);
    prefix_store store(no_bound);
    token_ids ids = text({1, 2});
    pass(of, store, ids);
    ids.back() = 7;
    BOOST_TEST(found(store, ids) == 1u);
    ids.resize(ids.size() - 1); // no whole second block
    BOOST_TEST(found(store, ids) == 1u);
    ids.resize(attention_block - 1);
    BOOST_TEST(found(store, ids) == 0u);
}

BOOST_AUTO_TEST_CASE(lenses_do_not_mix)
{
    small_pool of(100);
    prefix_store store(no_bound);
    const token_ids ids = text({1, 2});
    const lens_key others[] = {{2, 0, 1}, {1, 5, 1}, {1, 5, .5}, {1, 6, 1}};
    pass(of, store, ids);
    for (const lens_key& other : others) {
        BOOST_TEST(found(store, ids, other) == 0u);
        pass(of, store, ids, other);
        BOOST_TEST(found(store, ids, other) == 2u);
    }
    BOOST_TEST(of.budget->in_use() == 10 * of.block);
    store.drop_adapter(5);
    BOOST_TEST(of.budget->in_use() == 6 * of.block);
    BOOST_TEST(found(store, ids, others[1]) == 0u);
    BOOST_TEST(found(store, ids, others[3]) == 2u);
    store.drop_base(1);
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_TEST(found(store, ids, others[0]) == 2u);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_goes_first_and_a_beginning_after_what_goes_on_from_it)
{
    small_pool of(100);
    prefix_store store(no_bound);
    pass(of, store, text({1, 2, 3}));
    pass(of, store, text({4, 5}));
    BOOST_TEST(found(store, text({1, 2})) == 2u); // which is use
    BOOST_TEST(store.give_up(1) == of.block);
    BOOST_TEST(found(store, text({1, 2, 3})) == 2u);
    BOOST_TEST(store.give_up(of.block + 1) == 2 * of.block);
    BOOST_TEST(found(store, text({4, 5})) == 0u);
    BOOST_TEST(found(store, text({1, 2, 3})) == 2u);
    BOOST_TEST(store.give_up(no_bound) == 2 * of.block);
    BOOST_TEST(store.give_up(1) == 0u);
    BOOST_TEST(store.bytes() == 0u);
    BOOST_TEST(of.budget->in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(no_more_is_kept_than_the_bound_says)
{
    const std::uint64_t each = kept_block();
    small_pool of(100);
    BOOST_TEST(each > of.block); // what it takes to find it counts
    prefix_store store(3 * each - 1);
    pass(of, store, text({1, 2, 3, 4}));
    BOOST_TEST(store.bytes() == 2 * each);
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_TEST(found(store, text({1, 2, 3, 4})) == 2u);
    pass(of, store, text({5}));
    BOOST_TEST(store.bytes() == 2 * each);
    BOOST_TEST(found(store, text({5})) == 1u);
    BOOST_TEST(found(store, text({1, 2, 3, 4})) == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_kept_without_room_and_what_is_under_way_is_shared_still)
{
    small_pool of(100);
    prefix_store store(0);
    pass(of, store, text({1}));
    BOOST_TEST(of.budget->in_use() == 0u);
    std::optional<guest> first(std::in_place, of, store, 1, text({1, 2, 3}));
    first->begin();
    guest second(of, store, 2, text({1, 2, 4}));
    first->compute_all();
    BOOST_TEST(second.begin() == 2u);
    first.reset();
    BOOST_TEST(found(store, text({1, 2, 3})) == 2u);
    second.compute_all();
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
    BOOST_TEST(store.bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_awaited_stays_until_room_is_wanted_even_if_nothing_is_kept)
{
    small_pool of(100);
    prefix_store store(0);
    std::optional<guest> first(std::in_place, of, store, 1, text({1, 2, 3}));
    std::optional<guest> second(std::in_place, of, store, 2, text({1, 2, 4})),
        third(std::in_place, of, store, 3, text({1, 5}));
    first->begin();
    first->compute_all();
    first.reset();
    BOOST_TEST(second->place.there() == 2u);
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_TEST(store.give_up(1) == of.block);
    BOOST_TEST(second->place.there() == 1u);
    BOOST_TEST(second->begin() == 1u);
    BOOST_TEST(store.give_up(1) == 0u);
    second.reset();
    BOOST_TEST(third->place.there() == 1u);
    third.reset();
    BOOST_TEST(of.budget->in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(who_comes_while_its_beginning_is_computed_waits_for_that_and_no_longer)
{
    small_pool of(100);
    prefix_store store(0);
    guest first(of, store, 1, text({1, 2, 3})), second(of, store, 2, text({1, 2, 4})),
        other(of, store, 3, text({2}));
    BOOST_TEST(!second.place.waits_for().has_value()); // nobody has begun
    first.begin();
    BOOST_TEST((second.place.waits_for() == 1u));
    BOOST_TEST(!other.place.waits_for().has_value());
    first.compute(attention_block + 1);
    BOOST_TEST((second.place.waits_for() == 1u));
    BOOST_TEST(second.place.there() == 1u);
    first.compute(attention_block - 1);
    BOOST_TEST(!second.place.waits_for().has_value());
    guest third(of, store, 4, text({1, 2, 4, 5}));
    BOOST_TEST(second.begin() == 2u);
    BOOST_TEST((third.place.waits_for() == 2u));
    second.compute_all();
    BOOST_TEST(third.begin() == 3u);
}

BOOST_AUTO_TEST_CASE(what_one_who_leaves_midway_has_not_computed_is_for_the_next_to_compute)
{
    small_pool of(100);
    prefix_store store(0);
    std::optional<guest> first(std::in_place, of, store, 1, text({1, 2, 3}));
    guest second(of, store, 2, text({1, 2, 3, 4})), third(of, store, 3, text({1, 2, 3, 5}));
    first->begin();
    first->compute(attention_block + 7);
    BOOST_TEST((second.place.waits_for() == 1u));
    first.reset();
    BOOST_TEST(!second.place.waits_for().has_value());
    BOOST_TEST(second.begin() == 1u);
    BOOST_TEST((third.place.waits_for() == 2u));
    second.compute_all();
    BOOST_TEST(third.begin() == 3u);
}

BOOST_AUTO_TEST_CASE(a_sequence_begins_with_no_block_in_which_it_wants_logits)
{
    small_pool of(100);
    prefix_store store(no_bound);
    const token_ids ids = text({1, 2, 3});
    pass(of, store, ids);
    prefix_store::place place = store.enter(1, base, ids, 1);
    BOOST_TEST(place.there() == 1u);
    kv_cache cache(of.pool);
    cache.share(place.begin());
    BOOST_TEST(cache.length() == attention_block);
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
    cache.extend(2 * attention_block); // its own, beside those that are there
    place.computed(cache, ids);
    BOOST_TEST(of.budget->in_use() == 5 * of.block);
    cache.clear();
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
}

BOOST_AUTO_TEST_CASE(what_a_generation_adds_is_there_for_who_goes_on_from_it)
{
    small_pool of(100);
    prefix_store store(no_bound);
    {
        token_ids prompt = text({1});
        prompt.push_back(2);
        guest growing(of, store, 1, prompt);
        growing.begin();
        growing.compute_all();
        for (std::size_t i = 0; i != 2 * attention_block; ++i) {
            growing.ids.push_back(2);
            growing.compute(1);
        }
    }
    BOOST_TEST(found(store, text({1, 2, 2, 3})) == 3u);
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
}

BOOST_AUTO_TEST_CASE(who_finds_no_room_for_the_rest_holds_nothing)
{
    small_pool of(3);
    prefix_store store(no_bound);
    pass(of, store, text({1, 2}));
    guest one(of, store, 1, text({1, 2, 3, 4}));
    BOOST_TEST(one.begin() == 2u);
    BOOST_TEST(!one.cache.reserve(4 * attention_block));
    BOOST_TEST(store.give_up(no_bound) == 0u); // all that is kept is its own beginning
    guest other(of, store, 2, text({1, 2, 3, 5}));
    BOOST_TEST((other.place.waits_for() == 1u));
    one.cache.clear();
    one.place.undo();
    BOOST_TEST(!other.place.waits_for().has_value());
    BOOST_TEST(store.give_up(no_bound) == 2 * of.block);
    BOOST_TEST(one.begin() == 0u);
}

BOOST_AUTO_TEST_CASE(what_a_cache_still_has_gives_nothing_back)
{
    small_pool of(3);
    prefix_store store(no_bound);
    kv_cache cache(of.pool);
    {
        prefix_store::place place = store.enter(1, base, text({1}), 1);
        cache.share(place.begin());
        cache.extend(attention_block);
        place.computed(cache, text({1}));
    }
    BOOST_TEST(store.give_up(1) == 0u);
    BOOST_TEST(store.bytes() == 0u);
    BOOST_TEST(of.budget->in_use() == of.block);
}

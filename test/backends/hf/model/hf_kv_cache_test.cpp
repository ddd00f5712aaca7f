// What sequences remember is counted, and never more than was allowed.

#include "support/small_pool.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

using namespace warmd::hf;

BOOST_AUTO_TEST_CASE(a_sequence_takes_whole_blocks_of_the_budget_and_gives_them_back)
{
    small_pool of(8);
    BOOST_TEST(of.pool.bytes_for(0) == 0u);
    BOOST_TEST(of.pool.bytes_for(1) == of.block);
    BOOST_TEST(of.pool.bytes_for(attention_block) == of.block);
    BOOST_TEST(of.pool.bytes_for(attention_block + 1) == 2 * of.block);
    {
        kv_cache cache(of.pool);
        cache.extend(attention_block);
        BOOST_TEST(of.budget->in_use() == of.block);
        cache.extend(1);
        BOOST_TEST(of.budget->in_use() == 2 * of.block);
        kv_cache moved(std::move(cache));
        BOOST_TEST(of.budget->in_use() == 2 * of.block);
    }
    BOOST_TEST(of.budget->in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(nothing_is_allocated_beyond_the_capacity)
{
    small_pool of(2);
    kv_cache first(of.pool), second(of.pool);
    first.extend(attention_block);
    BOOST_CHECK_THROW(second.extend(attention_block + 1), kv_exhausted);
    BOOST_TEST(second.length() == 0u);
    BOOST_TEST(of.budget->in_use() == of.block);
    second.extend(attention_block);
    BOOST_CHECK_THROW(first.extend(1), kv_exhausted);
    BOOST_TEST(first.length() == attention_block);
}

BOOST_AUTO_TEST_CASE(what_is_reserved_cannot_be_taken_by_another)
{
    small_pool of(3);
    kv_cache first(of.pool), second(of.pool);
    BOOST_TEST(first.reserve(2 * attention_block));
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_TEST(first.reserve(attention_block)); // it has that already
    BOOST_TEST(!second.reserve(2 * attention_block));
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_CHECK_THROW(second.extend(2 * attention_block), kv_exhausted);
    first.extend(2 * attention_block);
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_TEST(second.reserve(attention_block));
}

BOOST_AUTO_TEST_CASE(a_shared_block_is_charged_once_until_the_last_who_shares_it_ends)
{
    small_pool of(4);
    std::optional<kv_cache> first(std::in_place, of.pool);
    first->extend(2 * attention_block);
    kv_cache second(of.pool);
    BOOST_TEST(second.reserve(2 * attention_block));
    BOOST_TEST(of.budget->in_use() == 4 * of.block);
    second.share(first->blocks().first(1));
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
    second.extend(attention_block);
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
    first.reset();
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
}

BOOST_AUTO_TEST_CASE(who_begins_with_shared_blocks_needs_room_for_the_rest_only)
{
    small_pool of(3);
    std::vector<kv_block> kept;
    {
        kv_cache first(of.pool);
        first.extend(2 * attention_block);
        kept.assign(first.blocks().begin(), first.blocks().end());
    }
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
    BOOST_TEST(kept[0]->bytes() == of.block);
    kv_cache second(of.pool);
    second.share(kept);
    BOOST_TEST(second.length() == 2 * attention_block);
    BOOST_TEST(!second.reserve(4 * attention_block));
    BOOST_TEST(second.reserve(3 * attention_block));
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
    second.extend(1);
    BOOST_TEST(of.budget->in_use() == 3 * of.block);
}

BOOST_AUTO_TEST_CASE(a_share_that_found_no_room_for_the_rest_is_undone)
{
    small_pool of(2);
    kv_cache first(of.pool), second(of.pool);
    first.extend(attention_block);
    second.share(first.blocks());
    BOOST_TEST(second.reserve(2 * attention_block));
    second.clear();
    BOOST_TEST(second.length() == 0u);
    BOOST_TEST(of.budget->in_use() == of.block);
    BOOST_TEST(second.reserve(attention_block));
    BOOST_TEST(of.budget->in_use() == 2 * of.block);
}

BOOST_AUTO_TEST_CASE(no_more_than_the_capacity_is_ever_in_use_however_many_want_it)
{
    small_pool of(5);
    std::atomic<int> too_much = 0, without_room = 0;
    std::latch all_are_there(3);
    const auto come_and_go = [&] {
        all_are_there.arrive_and_wait();
        for (int round = 0; round != 500; ++round) {
            kv_cache cache(of.pool);
            if (!cache.reserve(3 * attention_block)) {
                ++without_room;
                continue;
            }
            cache.extend(2 * attention_block + 1);
            too_much += of.budget->in_use() > of.budget->capacity();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i != 3; ++i)
            threads.emplace_back(come_and_go);
    }
    BOOST_TEST(too_much == 0);
    BOOST_TEST(of.budget->in_use() == 0u);
    BOOST_TEST_MESSAGE(without_room << " of 1500 found no room");
}

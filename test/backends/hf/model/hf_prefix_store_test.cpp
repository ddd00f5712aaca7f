// What a sequence finds of its beginning, who computes it, and what is kept of it for how long.

#include "hf/model/prefix_store.hpp"

#include "support/small_pool.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>

using namespace warmd;
using namespace warmd::hf;

namespace {

using token_ids = std::vector<token_id>;

constexpr std::uint64_t no_bound = std::uint64_t{1} << 40;
constexpr lens_key base{1, 0, 1};

/// Blocks of equal ids, one for each.
token_ids text(const std::vector<token_id>& blocks)
{
    token_ids ids;
    for (const token_id each : blocks)
        ids.insert(ids.end(), attention_block, each);
    return ids;
}

/// What a driver has of a sequence: its cache goes before its place.
struct guest {
    std::uint64_t by;
    token_ids ids;
    prefix_store::place place;
    kv_cache cache;

    guest(small_pool& of, prefix_store& store, std::uint64_t name, token_ids fed,
          const lens_key& through = base)
        : by(name), ids(std::move(fed)),
          place(store.enter(by, through, ids, ids.size() / attention_block)), cache(of.pool)
    {
    }
    /// With how many blocks it begins.
    std::size_t begin()
    {
        cache.share(place.begin());
        return cache.length() / attention_block;
    }
    void compute(std::size_t positions)
    {
        cache.extend(positions);
        place.computed(cache, ids);
    }
    void compute_all() { compute(ids.size() - cache.length()); }
};

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
    first.reset(); // nobody has taken what it had computed, and nothing is kept
    BOOST_TEST(!second.place.waits_for().has_value());
    BOOST_TEST(second.begin() == 0u);
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

namespace {

/// Random sequences of a few beginnings, and beside them a plain account: which beginning each
/// block that was ever computed is of.
class random_guests {
public:
    random_guests(unsigned seed, std::uint64_t most_bytes)
        : random_(seed), most_bytes_(most_bytes), store_(most_bytes)
    {
    }

    void step()
    {
        switch (draw(6)) {
        case 0: come(); break;
        case 1: leave(); break;
        case 2: give_up(); break;
        default: go_on(); break;
        }
        check_bytes();
    }
    void end()
    {
        guests_.clear();
        check_bytes();
        store_.give_up(no_bound);
        BOOST_TEST(store_.bytes() == 0u);
        BOOST_TEST(of_.budget->in_use() == 0u);
    }
    std::size_t shared() const { return shared_; }

private:
    struct counted {
        guest one;
        lens_key through;
        bool begun = false;
    };
    using beginning = std::pair<lens_key, token_ids>;

    std::size_t draw(std::size_t below) { return random_() % below; }
    bool keeps_all() const { return most_bytes_ == no_bound; }

    void come()
    {
        if (guests_.size() > 8)
            return;
        std::vector<token_id> blocks(1 + draw(6));
        for (token_id& each : blocks)
            each = static_cast<token_id>(draw(2));
        const lens_key through{1 + draw(2), 0, 1};
        token_ids ids = text(blocks);
        ids.resize(ids.size() - draw(attention_block));
        guests_.push_back(std::make_unique<counted>(
            counted{guest(of_, store_, ++last_, std::move(ids), through), through}));
    }
    void leave()
    {
        if (!guests_.empty())
            guests_.erase(guests_.begin() + static_cast<std::ptrdiff_t>(draw(guests_.size())));
    }
    void give_up()
    {
        if (keeps_all())
            return;
        const std::uint64_t there = of_.budget->in_use();
        const std::uint64_t given = store_.give_up(draw(4) * of_.block);
        BOOST_TEST_REQUIRE(of_.budget->in_use() == there - given);
    }
    void go_on()
    {
        if (guests_.empty())
            return;
        counted& each = *guests_[draw(guests_.size())];
        if (!each.begun)
            begin(each);
        else if (const std::size_t left = each.one.ids.size() - each.one.cache.length(); left != 0)
            compute(each, 1 + draw(left));
    }
    void begin(counted& each)
    {
        if (const auto whom = each.one.place.waits_for()) { // so it comes, or will not
            BOOST_TEST_REQUIRE(std::any_of(guests_.begin(), guests_.end(), [&](const auto& other) {
                return other->one.by == *whom && other->begun;
            }));
            return;
        }
        each.begun = true;
        const std::size_t began_with = each.one.begin();
        shared_ += began_with;
        for (std::size_t i = 0; i != began_with; ++i)
            BOOST_TEST_REQUIRE((of_what_.at(block(each, i)) == up_to(each, i)));
        const std::size_t whole = each.one.ids.size() / attention_block;
        if (keeps_all() && began_with != whole)
            BOOST_TEST_REQUIRE(!computed_.contains(up_to(each, began_with)));
        if (draw(8) == 0) {
            each.one.cache.clear();
            each.one.place.undo();
            each.begun = false;
        }
    }
    void compute(counted& each, std::size_t positions)
    {
        const std::size_t before = each.one.cache.length() / attention_block;
        each.one.compute(positions);
        for (std::size_t i = before; i != each.one.cache.length() / attention_block; ++i) {
            of_what_.insert_or_assign(block(each, i), up_to(each, i));
            computed_.insert(up_to(each, i));
        }
    }
    /// Each block is charged once, to those who have it or to what is kept.
    void check_bytes()
    {
        std::set<const held_block*> under_way;
        for (const auto& each : guests_)
            for (const kv_block& one : each->one.cache.blocks())
                under_way.insert(one.get());
        const std::uint64_t taken = under_way.size() * of_.block, in_use = of_.budget->in_use();
        BOOST_TEST_REQUIRE(store_.bytes() <= most_bytes_);
        BOOST_TEST_REQUIRE(in_use >= taken);
        BOOST_TEST_REQUIRE(in_use - taken <= store_.bytes());
    }
    static const held_block* block(const counted& each, std::size_t i)
    {
        return each.one.cache.blocks()[i].get();
    }
    static beginning up_to(const counted& each, std::size_t block)
    {
        const auto end = static_cast<std::ptrdiff_t>((block + 1) * attention_block);
        return {each.through, {each.one.ids.begin(), each.one.ids.begin() + end}};
    }

    std::mt19937 random_;
    std::uint64_t most_bytes_;
    small_pool of_{200};
    prefix_store store_;
    std::uint64_t last_ = 0;
    std::size_t shared_ = 0;
    std::map<const held_block*, beginning> of_what_;
    std::set<beginning> computed_;
    std::vector<std::unique_ptr<counted>> guests_;
};

} // namespace

BOOST_AUTO_TEST_CASE(whatever_comes_and_goes_each_gets_its_own_beginning_and_all_is_given_back)
{
    std::size_t shared = 0;
    for (unsigned seed = 0; seed != 60; ++seed) {
        const std::uint64_t bounds[] = {0, 10 * kept_block(), no_bound};
        random_guests all(seed, bounds[seed % 3]);
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            for (int i = 0; i != 400; ++i)
                all.step();
            all.end();
        }
        shared += all.shared();
    }
    BOOST_TEST(shared > 1000u);
}

// Sequences that share beginnings come, wait, begin, go on, and leave at random.

#include "support/prefix_guest.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

using namespace warmd;
using namespace warmd::hf;

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
        if (std::all_of(guests_.begin(), guests_.end(),
                        [](const auto& each) { return each->begun; }))
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
        const std::uint64_t bounds[] = {0, 10 * small_pool(1).block, no_bound};
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

#include "base/spare_memory.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace warmd;

namespace {
constexpr std::uint64_t mb = 1'000'000, worth = spare_memory::worth_a_walk;
}

BOOST_AUTO_TEST_CASE(what_a_burst_leaves_behind_is_worth_a_walk_and_what_is_in_use_is_not)
{
    spare_memory spare;
    BOOST_TEST(!spare.is_worth_a_walk(10 * mb)); // the first look
    BOOST_TEST(!spare.is_worth_a_walk(10 * mb + worth - 1));
    BOOST_TEST(spare.is_worth_a_walk(18 * mb));
    spare.walked(11 * mb);
    BOOST_TEST(!spare.is_worth_a_walk(11 * mb));
    BOOST_TEST(spare.is_worth_a_walk(18 * mb)); // again
    spare.walked(18 * mb);                      // a model, perhaps
    BOOST_TEST(!spare.is_worth_a_walk(18 * mb));
    BOOST_TEST(!spare.is_worth_a_walk(9 * mb)); // it has gone
    BOOST_TEST(spare.is_worth_a_walk(9 * mb + worth));
}

BOOST_AUTO_TEST_CASE(what_is_resident_grows_by_what_is_used)
{
    const std::uint64_t before = resident_bytes();
    BOOST_TEST_REQUIRE(before > 0U);
    constexpr std::size_t bytes = 64 << 20;
    std::vector<char> used(bytes, 'x');
    BOOST_TEST(resident_bytes() > before + bytes / 2);
    BOOST_TEST(used.back() == 'x');
}

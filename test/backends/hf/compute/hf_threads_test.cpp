#include "hf/compute/threads.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <stdexcept>

using namespace warmd::hf;

BOOST_AUTO_TEST_CASE(nobody_goes_on_before_all_have_come)
{
    constexpr std::size_t members = 4, rounds = 2000;
    std::array<std::atomic<std::size_t>, members> at{};
    std::atomic<std::size_t> early{0};
    run_team(members, [&](const team_member& me) {
        for (std::size_t round = 1; round <= rounds; ++round) {
            at[me.index] = round;
            me.wait_for_all();
            for (const auto& other : at)
                early += other < round ? 1 : 0;
            me.wait_for_all();
            for (const auto& other : at)
                early += other > round + 1 ? 1 : 0;
        }
    });
    BOOST_TEST(early == 0u);
    for (const auto& each : at)
        BOOST_TEST(each == rounds);
}

BOOST_AUTO_TEST_CASE(a_member_that_throws_is_not_waited_for_and_its_exception_comes_out)
{
    constexpr std::size_t rounds = 100;
    std::atomic<std::size_t> finished{0};
    const auto work = [&](const team_member& me) {
        for (std::size_t round = 0; round != rounds; ++round) {
            if (me.index == 1 && round == rounds / 2)
                throw std::length_error("no room");
            me.wait_for_all();
        }
        ++finished;
    };
    BOOST_CHECK_THROW(run_team(3, work), std::length_error);
    BOOST_TEST(finished == 2u);
}

BOOST_AUTO_TEST_CASE(a_team_of_one_waits_for_nobody)
{
    std::size_t calls = 0;
    run_team(1, [&](const team_member& me) {
        me.wait_for_all();
        me.wait_for_all();
        ++calls;
    });
    BOOST_TEST(calls == 1u);
}

BOOST_AUTO_TEST_CASE(all_come_where_openmp_may_give_fewer_threads_than_it_is_asked_for)
{
    const std::size_t members =
        static_cast<std::size_t>(omp_get_num_procs()) + 2; // more than OMP_DYNAMIC=true would give
    omp_set_dynamic(1);
    std::atomic<std::size_t> came{0};
    run_team(members, [&](const team_member& me) {
        me.wait_for_all();
        ++came;
    });
    BOOST_TEST(came == members);
    BOOST_TEST(omp_get_dynamic() == 1);
    omp_set_dynamic(0);
}

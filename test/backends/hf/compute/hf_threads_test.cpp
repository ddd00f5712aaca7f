// The engine's team: real threads, meant for ThreadSanitizer as well (ctest -L stress).

#include "hf/compute/compute.hpp"
#include "hf/compute/memory_block.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace warmd::hf;

namespace {

/// Of this process.
std::size_t threads_there_are()
{
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

} // namespace

BOOST_AUTO_TEST_CASE(nobody_goes_on_before_all_have_come)
{
    constexpr std::size_t members = 4, rounds = 2000;
    thread_team team(members);
    std::array<std::atomic<std::size_t>, members> at{};
    std::atomic<std::size_t> early{0};
    team.run(members, [&](const team_member& me) {
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

// Plain numbers: where the barrier orders nothing, ThreadSanitizer sees a race.
BOOST_AUTO_TEST_CASE(what_a_member_wrote_before_it_came_all_have_seen_when_they_go_on)
{
    constexpr std::size_t members = 4, rounds = 2000;
    thread_team team(members);
    std::array<std::size_t, members> written{}, sums{};
    std::atomic<std::size_t> wrong{0};
    for (std::size_t again = 0; again != 3; ++again) // within a step, and from one to the next
        team.run(members, [&](const team_member& me) {
            for (std::size_t round = 1; round <= rounds; ++round) {
                written[me.index] = round * (me.index + 1);
                me.wait_for_all();
                sums[me.index] = std::accumulate(written.begin(), written.end(), std::size_t{0});
                wrong += sums[me.index] != round * members * (members + 1) / 2 ? 1 : 0;
                me.wait_for_all();
            }
        });
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(sums[0] == rounds * members * (members + 1) / 2);
}

BOOST_AUTO_TEST_CASE(a_member_that_throws_is_not_waited_for_and_its_exception_comes_out)
{
    constexpr std::size_t rounds = 100;
    thread_team team(3);
    std::atomic<std::size_t> finished{0};
    const auto work = [&](const team_member& me) {
        for (std::size_t round = 0; round != rounds; ++round) {
            if (me.index == 1 && round == rounds / 2)
                throw std::length_error("no room");
            me.wait_for_all();
        }
        ++finished;
    };
    BOOST_CHECK_THROW(team.run(3, work), std::length_error);
    BOOST_TEST(finished == 2u);
}

BOOST_AUTO_TEST_CASE(a_team_of_one_has_no_thread_and_waits_for_nobody)
{
    const std::size_t before = threads_there_are();
    thread_team team(1);
    BOOST_TEST(threads_there_are() == before);
    std::size_t calls = 0;
    team.run(1, [&](const team_member& me) {
        me.wait_for_all();
        me.wait_for_all();
        ++calls;
    });
    BOOST_TEST(calls == 1u);
}

BOOST_AUTO_TEST_CASE(a_loop_does_each_once_whoever_else_has_the_team)
{
    constexpr std::size_t count = 500, callers = 3;
    thread_team team(3);
    std::array<std::vector<std::size_t>, callers> times;
    std::atomic<std::size_t> beyond{0}, together{0};
    const auto loop = [&](std::size_t mine) {
        for (int round = 0; round != 40; ++round) {
            times[mine].assign(count, 0);
            team.for_each(count, thread_team::worth_waking, [&](std::size_t i, std::size_t thread) {
                beyond += thread >= team.size() ? 1 : 0;
                ++times[mine][i];
            });
            beyond +=
                std::accumulate(times[mine].begin(), times[mine].end(), std::size_t{0}) != count ||
                *std::max_element(times[mine].begin(), times[mine].end()) != 1;
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i != callers; ++i)
            threads.emplace_back(loop, i);
        for (int round = 0; round != 200; ++round)
            team.run(3, [&](const team_member& me) {
                me.wait_for_all();
                ++together;
            });
    }
    BOOST_TEST(beyond == 0u);
    BOOST_TEST(together == 600u);
}

BOOST_AUTO_TEST_CASE(an_exception_in_a_loop_comes_out_and_the_team_works_on)
{
    thread_team team(2);
    const auto fails = [&](std::size_t i) {
        if (i == 7)
            throw std::length_error("no room");
    };
    BOOST_CHECK_THROW(team.for_each(20, thread_team::worth_waking, fails), std::length_error);
    std::atomic<int> calls{0};
    team.run(2, [&](const team_member&) { ++calls; });
    BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(no_library_makes_a_thread)
{
    const std::size_t before = threads_there_are();
    compute_gate gate(3);
    const std::size_t in = 512, out = 2048, rows = 64;
    const std::vector<float> weights(in * out, 0.5F),
        x(in * (rows + matmul_engine::most_padding), 1.0F);
    const auto turn = gate.enter();
    matmul_engine& engine = turn.engine();
    const matrix_shape shape{in, out};
    const weight_format& fp32 = format_of(precision::fp32);
    const memory_block memory(engine.packed_bytes(shape, fp32));
    const packed_matrix packed =
        engine.pack(std::as_bytes(std::span(weights)), stored_as::fp32, shape, fp32, memory.data());
    engine.prepare(packed, rows);
    std::atomic<std::size_t> right{0};
    gate.team().run(3, [&](const team_member& me) {
        engine.multiply(packed, std::as_bytes(std::span(x)).data(),
                        {me.index, 0, rows, me.index, me.size}, [&](const product_tile& tile) {
                            for (std::size_t i = 0; i != tile.rows * tile.outs; ++i)
                                right += tile.strands[0][i] == 256.0F ? 1 : 0;
                        });
    });
    BOOST_TEST(right == rows * out);
    BOOST_TEST(threads_there_are() == before + 2);
}

// In a process of its own, which must end by itself and in good order.
BOOST_AUTO_TEST_CASE(a_system_that_grants_no_more_threads_gives_a_smaller_team)
{
#ifdef WARMD_SANITIZED
    BOOST_TEST_MESSAGE("SKIPPED: a sanitizer's own memory is beyond any limit");
#else
    const pid_t child = ::fork();
    if (child == 0) {
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        const rlim_t most = pages * static_cast<rlim_t>(::getpagesize()) + (60 << 20);
        const rlimit limit{most, most}; // room for a few stacks
        ::setrlimit(RLIMIT_AS, &limit);
        thread_team team(64);
        std::atomic<std::size_t> came{0};
        team.run(team.size(), [&](const team_member& me) {
            me.wait_for_all();
            ++came;
        });
        ::_exit(team.size() > 1 && team.size() < 64 && came == team.size() ? 0 : 1);
    }
    int status = -1;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
#endif
}

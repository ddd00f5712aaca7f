// Random schedules against what the planner promises.

#include "backends/hf/schedule/planner_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;

namespace {

constexpr std::uint64_t schedules = 10000;

// What one of two clients gets of the machine, both having more to do than it can.
double share_of_first(std::uint64_t seed)
{
    test::planner_world world(seed);
    const std::size_t in_flight[] = {world.below(2) ? 1 : 1 + world.below(150),
                                     1 + world.below(150)};
    const std::uint64_t bases[] = {world.below(2), world.below(2)};
    std::size_t longest[] = {1 + world.below(2000), 1 + world.below(2000)};
    const std::size_t drawn[] = {world.below(2) * world.below(4), world.below(2) * world.below(4)};
    double seconds[] = {0, 0};
    for (int step = 0; step < 600; ++step) {
        for (std::uint64_t client = 0; client < 2; ++client)
            while (world.jobs_of(client) < in_flight[client])
                world.arrive({.base = bases[client],
                              .client = client,
                              .tokens = 600 / in_flight[client] + 1 + world.below(longest[client])},
                             drawn[client]);
        world.step();
        for (std::uint64_t client = 0; step >= 100 && client < 2; ++client)
            seconds[client] += world.seconds_of(client);
    }
    return seconds[0] / (seconds[0] + seconds[1]);
}

} // namespace

BOOST_AUTO_TEST_CASE(ten_thousand_schedules_keep_what_is_promised)
{
    for (std::uint64_t seed = 1; seed <= schedules; ++seed) {
        test::planner_world world(seed);
        try {
            world.run();
        } catch (const test::broken_promise& broken) {
            BOOST_FAIL("seed " << seed << ", step " << world.steps() << ": " << broken.what());
        }
    }
}

BOOST_AUTO_TEST_CASE(two_busy_clients_get_half_each)
{
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const double share = share_of_first(seed);
        BOOST_TEST((share > 0.45 && share < 0.55), "seed " << seed << ": " << share);
    }
}

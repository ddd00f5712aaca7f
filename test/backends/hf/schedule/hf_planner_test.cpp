// What the next step holds: each rule of the planner, one at a time.

#include "backends/hf/schedule/planner_desk.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using test::planner_desk;

namespace {

constexpr auto interactive = call_priority::interactive;
constexpr auto batch = call_priority::batch;

} // namespace

// -- one client
// ------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(nothing_to_do_is_no_step)
{
    planner_desk desk;
    BOOST_TEST(desk.step() == "nothing");
    BOOST_TEST(desk.planner.empty());
}

BOOST_AUTO_TEST_CASE(what_arrives_is_in_the_next_step)
{
    planner_desk desk;
    desk.arrive({.id = 1, .base = 7, .client = 1, .tokens = 5});
    BOOST_TEST(desk.step() == "7: 1x5");
    BOOST_TEST(desk.step() == "nothing");
}

BOOST_AUTO_TEST_CASE(a_long_prompt_is_cut)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = 75});
    BOOST_TEST(desk.step() == "0: 1x32");
    BOOST_TEST(desk.planner.waiting_tokens(1) == 43);
    BOOST_TEST(desk.step() == "0: 1x32");
    BOOST_TEST(desk.step() == "0: 1x11");
    BOOST_TEST(desk.step() == "nothing");
}

BOOST_AUTO_TEST_CASE(a_clients_requests_are_served_in_order)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 4; ++id)
        desk.arrive({.id = id, .client = 1, .tokens = 12});
    BOOST_TEST(desk.step() == "0: 1x12 2x12 3x8");
    BOOST_TEST(desk.step() == "0: 3x4 4x12");
}

BOOST_AUTO_TEST_CASE(a_step_is_of_one_base)
{
    planner_desk desk;
    desk.arrive({.id = 1, .base = 1, .client = 1, .tokens = 5});
    desk.arrive({.id = 2, .base = 2, .client = 1, .tokens = 5});
    desk.arrive({.id = 3, .base = 1, .client = 2, .tokens = 5});
    BOOST_TEST(desk.step() == "1: 1x5 3x5");
    BOOST_TEST(desk.step() == "2: 2x5");
}

BOOST_AUTO_TEST_CASE(a_prefix_that_is_there_is_not_computed_again)
{
    planner_desk desk;
    desk.there[1] = 90;
    desk.arrive({.id = 1, .client = 1, .tokens = 100});
    desk.arrive({.id = 2, .client = 1, .tokens = 10});
    BOOST_TEST(desk.step() == "0: 1x10 2x10");
    BOOST_TEST(desk.planner.waiting_tokens(interactive) == 0);
}

BOOST_AUTO_TEST_CASE(who_leaves_is_in_no_step)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = 50});
    desk.arrive({.id = 2, .client = 1, .tokens = 50});
    desk.arrive({.id = 3, .client = 1, .tokens = 5});
    BOOST_TEST(desk.step() == "0: 1x32");
    desk.planner.leave(1); // has begun
    desk.planner.leave(2); // has not
    BOOST_TEST(desk.planner.waiting_tokens(interactive) == 5);
    BOOST_TEST(desk.step() == "0: 3x5");
    desk.planner.leave(3);
    BOOST_TEST(desk.planner.empty());
    BOOST_TEST(desk.planner.known_clients() == 0);
}

BOOST_AUTO_TEST_CASE(what_waits_is_counted_by_priority)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = 50});
    desk.arrive({.id = 2, .client = 1, .priority = batch, .tokens = 70});
    BOOST_TEST(desk.planner.waiting_tokens(interactive) == 50);
    BOOST_TEST(desk.planner.waiting_tokens(batch) == 70);
    BOOST_TEST(desk.planner.waiting_tokens(2) == 70);
    BOOST_TEST(desk.planner.waiting_tokens(3) == 0);
    desk.step();
    BOOST_TEST(desk.planner.waiting_tokens(interactive) == 18);
    desk.planner.leave(2);
    BOOST_TEST(desk.planner.waiting_tokens(batch) == 0);
}

// -- how large a step is
// ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_fast_machine_is_given_large_steps_soon)
{
    planner_desk desk;
    desk.seconds = [](std::size_t rows) { return 0.002 + 2e-5 * static_cast<double>(rows); };
    desk.arrive({.id = 1, .client = 1, .tokens = 5000});
    BOOST_TEST(desk.step() == "0: 1x32");
    for (int i = 0; i < 3; ++i)
        desk.step();
    BOOST_TEST(desk.step() == "0: 1x512");
}

BOOST_AUTO_TEST_CASE(a_step_takes_about_as_long_as_it_should)
{
    planner_desk desk;
    desk.seconds = [](std::size_t rows) { return 0.01 + 2e-4 * static_cast<double>(rows); };
    desk.arrive({.id = 1, .client = 1, .tokens = 100000});
    for (int i = 0; i < 50; ++i)
        desk.step();
    BOOST_TEST(desk.seconds(desk.planner.rows(0)) > 0.048);
    BOOST_TEST(desk.seconds(desk.planner.rows(0)) <= 0.0501);
    desk.seconds = [](std::size_t rows) { return 1e-3 * static_cast<double>(rows); };
    for (int i = 0; i < 20; ++i)
        desk.step();
    BOOST_TEST(desk.planner.rows(0) == 50); // another load, another size
}

BOOST_AUTO_TEST_CASE(a_longer_step_has_rows_that_all_cores_have_the_same_of)
{
    const auto rows_at = [](double rows_in_time) {
        hf::step_planner planner({.even_rows = 192});
        planner.arrive({.id = 1, .client = 1, .tokens = 40});
        planner.next([](std::uint64_t) {
            return hf::step_planner::beginning{.what = planner_desk::kind::begun};
        });
        planner.stepped(0.05 * 32 / rows_in_time);
        return planner.rows(0);
    };
    BOOST_TEST(rows_at(60) == 32);
    BOOST_TEST(rows_at(100) == 192); // the nearest
    BOOST_TEST(rows_at(300) == 384);
    BOOST_TEST(rows_at(2000) == 384); // 512 at most
}

BOOST_AUTO_TEST_CASE(a_slow_machine_is_given_the_least_rows)
{
    planner_desk desk;
    desk.seconds = [](std::size_t rows) { return static_cast<double>(rows); };
    desk.arrive({.id = 1, .client = 1, .tokens = 100});
    desk.step();
    BOOST_TEST(desk.step() == "0: 1x32");
}

BOOST_AUTO_TEST_CASE(a_step_of_few_rows_says_nothing_of_the_rate)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = 5});
    desk.step_of(0.0001);
    BOOST_TEST(desk.planner.rows(0) == 32);
}

BOOST_AUTO_TEST_CASE(each_base_has_its_own_size)
{
    planner_desk desk;
    desk.arrive({.id = 1, .base = 1, .client = 1, .tokens = 40});
    desk.step_of(0.005);
    BOOST_TEST(desk.planner.rows(1) == 320);
    BOOST_TEST(desk.planner.rows(2) == 32);
    desk.planner.leave(1);
    desk.planner.forget(1);
    BOOST_TEST(desk.planner.rows(1) == 32);
}

// -- generations
// -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_generation_has_a_row_in_each_step)
{
    planner_desk desk;
    desk.generate({.id = 1, .client = 1, .tokens = 3});
    BOOST_TEST(desk.step() == "0: 1x3");
    desk.arrive({.id = 2, .client = 2, .tokens = 1000});
    for (int i = 0; i < 20; ++i)
        BOOST_TEST(desk.step() == "0: 1x1 2x31");
}

BOOST_AUTO_TEST_CASE(who_has_drawn_no_token_is_not_fed)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = 3});
    desk.step();
    BOOST_TEST(desk.step() == "nothing");
    desk.planner.grow(1);
    BOOST_TEST(desk.step() == "0: 1x1");
    BOOST_TEST(desk.step() == "nothing");
    desk.planner.grow(1);
    desk.planner.leave(1);
    BOOST_TEST(desk.step() == "nothing");
}

BOOST_AUTO_TEST_CASE(generations_leave_prompts_a_quantum)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 40; ++id)
        desk.generate({.id = id, .client = 1, .tokens = 1});
    desk.step();
    desk.step();
    desk.arrive({.id = 99, .client = 2, .tokens = 1000});
    for (int i = 0; i < 5; ++i)
        desk.step();
    BOOST_TEST(desk.fed[99] == 5 * 16);
    std::size_t least = 1000, most = 0;
    for (std::uint64_t id = 1; id <= 40; ++id) {
        least = std::min(least, desk.fed[id]);
        most = std::max(most, desk.fed[id]);
    }
    BOOST_TEST(most - least <= 1); // in turn
}

BOOST_AUTO_TEST_CASE(what_prompts_leave_is_for_generations)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 30; ++id)
        desk.generate({.id = id, .client = 1, .tokens = 1});
    desk.step();
    desk.arrive({.id = 99, .client = 2, .tokens = 2});
    BOOST_TEST(desk.rows_of(desk.step()) == 32);
}

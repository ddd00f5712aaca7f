// Who is served before whom: clients, priorities, and who waits for memory.

#include "backends/hf/schedule/planner_desk.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using test::planner_desk;
using kind = hf::step_planner::beginning::kind;

namespace {

constexpr auto batch = call_priority::batch;
constexpr std::size_t endless = 1000000;

} // namespace

// -- clients
// ---------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(two_clients_share_each_step)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    desk.arrive({.id = 2, .client = 2, .tokens = endless});
    for (int i = 0; i < 5; ++i)
        BOOST_TEST(desk.rows_of(desk.step()) == 32);
    BOOST_TEST(desk.fed[1] == 80);
    BOOST_TEST(desk.fed[2] == 80);
}

BOOST_AUTO_TEST_CASE(a_lone_client_has_longer_steps_until_somebody_comes)
{
    planner_desk desk({.lone_steps = 2});
    desk.arrive({.id = 1, .client = 1, .tokens = 100000});
    desk.step(); // at the rate of 32 rows in a step's time
    BOOST_TEST(desk.step() == "0: 1x64");
    desk.arrive({.id = 2, .client = 2, .tokens = 10});
    BOOST_TEST(desk.step() == "0: 2x10 1x22");
    desk.leave(2);
    for (int i = 0; i != 99; ++i)
        BOOST_TEST(planner_desk::rows_of(desk.step()) == 32);
    BOOST_TEST(desk.step() == "0: 1x64"); // has been alone for a while
    desk.leave(1);
    desk.generate({.id = 3, .client = 1, .tokens = 1});
    BOOST_TEST(desk.step() == "0: 3x1");
    desk.arrive({.id = 4, .client = 1, .tokens = 1000});
    BOOST_TEST(planner_desk::rows_of(desk.step()) == 32); // somebody reads those tokens
}

BOOST_AUTO_TEST_CASE(many_requests_get_no_more_than_one)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 400; ++id)
        desk.arrive({.id = id, .client = 1, .tokens = 20});
    desk.arrive({.id = 1000, .client = 2, .tokens = endless});
    desk.run(200);
    BOOST_TEST(desk.fed[1000] >= 200 * 32 * 48 / 100);
    BOOST_TEST(desk.fed[1000] <= 200 * 32 * 52 / 100);
}

BOOST_AUTO_TEST_CASE(clients_of_two_bases_get_the_same_time)
{
    planner_desk desk;
    desk.arrive({.id = 1, .base = 1, .client = 1, .tokens = endless});
    desk.arrive({.id = 2, .base = 2, .client = 2, .tokens = endless});
    double seconds[] = {0, 0};
    for (int i = 0; i < 200; ++i) {
        const std::size_t before = desk.fed[1];
        desk.seconds = [&](std::size_t rows) {
            const bool first = desk.fed[1] > before;
            const double took = (first ? 0.01 : 0.03) + 1e-4 * static_cast<double>(rows);
            seconds[first ? 0 : 1] += took;
            return took;
        };
        desk.step();
    }
    BOOST_TEST(seconds[0] / (seconds[0] + seconds[1]) == 0.5, boost::test_tools::tolerance(0.02));
}

BOOST_AUTO_TEST_CASE(one_request_after_another_gets_no_more)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    for (std::uint64_t id = 2; id < 200; ++id) {
        desk.arrive({.id = id, .client = 2, .tokens = 32});
        while (desk.fed[id] < 32)
            desk.step();
        desk.leave(id);
    }
    BOOST_TEST(desk.fed[1] > 198 * 32 * 90 / 100);
}

BOOST_AUTO_TEST_CASE(a_newcomer_is_in_the_next_step)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 100; ++id)
        desk.arrive({.id = id, .client = id % 3, .tokens = 1000});
    for (std::uint64_t id = 101; id < 140; ++id) {
        desk.step();
        desk.arrive({.id = id, .client = id, .tokens = 8});
        BOOST_TEST(desk.step().find(" " + std::to_string(id) + "x8") != std::string::npos);
        desk.leave(id);
    }
}

BOOST_AUTO_TEST_CASE(a_newcomer_of_another_base_leads_the_next_step)
{
    planner_desk desk;
    desk.arrive({.id = 1, .base = 1, .client = 1, .tokens = endless});
    desk.arrive({.id = 2, .base = 1, .client = 2, .tokens = endless});
    for (std::uint64_t id = 101; id < 140; ++id) {
        desk.run(3);
        desk.arrive({.id = id, .base = 2, .client = id, .tokens = 8});
        BOOST_TEST(desk.step() == "2: " + std::to_string(id) + "x8");
        desk.leave(id);
    }
}

BOOST_AUTO_TEST_CASE(a_pause_earns_one_step_and_no_more)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    desk.arrive({.id = 2, .client = 2, .tokens = 100});
    desk.run(20);
    desk.leave(2);
    desk.run(500);
    desk.arrive({.id = 3, .client = 2, .tokens = endless});
    const std::size_t before = desk.fed[1];
    desk.run(10);
    BOOST_TEST(desk.fed[3] >= 160);
    BOOST_TEST(desk.fed[3] <= 160 + 48);
    BOOST_TEST(desk.fed[1] - before == 320 - desk.fed[3]);
}

BOOST_AUTO_TEST_CASE(a_generation_of_few_rows_saves_nothing_up)
{
    planner_desk desk;
    desk.generate({.id = 1, .client = 1, .tokens = 1});
    desk.arrive({.id = 2, .client = 2, .tokens = endless});
    desk.run(500);
    desk.arrive({.id = 3, .client = 1, .tokens = endless});
    desk.run(20);
    BOOST_TEST(desk.fed[3] > 250); // of 640
    BOOST_TEST(desk.fed[3] < 390);
}

BOOST_AUTO_TEST_CASE(a_newcomer_is_not_behind_by_what_others_had_alone)
{
    planner_desk desk;
    desk.generate({.id = 1, .base = 1, .client = 1, .tokens = 1});
    desk.run(500);
    desk.arrive({.id = 2, .base = 2, .client = 2, .tokens = endless});
    const std::size_t before = desk.fed[1];
    desk.run(20);
    BOOST_TEST(desk.fed[1] > before + 5);
}

BOOST_AUTO_TEST_CASE(newcomers_without_end_do_not_starve_who_was_there)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    std::uint64_t next = 2;
    for (int i = 0; i < 200; ++i) {
        for (int n = 0; n < 2; ++n, ++next)
            desk.arrive({.id = next, .client = next, .tokens = 16});
        desk.step();
    }
    BOOST_TEST(desk.fed[1] >= 200 / 20 * 16);
}

BOOST_AUTO_TEST_CASE(who_has_left_is_forgotten)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    std::size_t most = 0;
    for (std::uint64_t id = 2; id < 5000; ++id) {
        desk.arrive({.id = id, .client = id, .tokens = 4});
        desk.step();
        desk.leave(id);
        most = std::max(most, desk.planner.known_clients());
    }
    BOOST_TEST(most < 20);
    desk.leave(1);
    BOOST_TEST(desk.planner.known_clients() == 0);
}

// -- batch
// -----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(batch_gets_what_interactive_ones_leave)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .priority = batch, .tokens = 50});
    desk.arrive({.id = 2, .client = 2, .tokens = 40});
    BOOST_TEST(desk.step() == "0: 2x32");
    BOOST_TEST(desk.step() == "0: 2x8");
    BOOST_TEST(desk.step() == "0: 1x32");
    BOOST_TEST(desk.step() == "0: 1x18");
}

BOOST_AUTO_TEST_CASE(batch_has_one_step_in_twenty)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    desk.run(7);
    desk.arrive({.id = 2, .client = 2, .priority = batch, .tokens = endless});
    for (int i = 0; i < 100; ++i)
        BOOST_TEST(desk.step() == (i % 20 == 19 ? "0: 2x32" : "0: 1x32"));
}

BOOST_AUTO_TEST_CASE(interactive_generations_keep_their_row_in_batchs_step)
{
    planner_desk desk;
    desk.generate({.id = 1, .client = 1, .tokens = 1});
    desk.arrive({.id = 2, .client = 2, .priority = batch, .tokens = endless});
    BOOST_TEST(desk.step() == "0: 1x1");
    for (int i = 1; i < 60; ++i)
        BOOST_TEST(desk.step() == (i % 20 == 19 ? "0: 1x1 2x31" : "0: 1x1"));
}

BOOST_AUTO_TEST_CASE(batch_generations_have_rows_in_batchs_steps_only)
{
    planner_desk desk;
    desk.generate({.id = 1, .client = 1, .priority = batch, .tokens = 1});
    desk.run(3);
    BOOST_TEST(desk.fed[1] == 3);
    desk.arrive({.id = 2, .client = 2, .tokens = endless});
    desk.run(40);
    BOOST_TEST(desk.fed[1] == 5);
}

BOOST_AUTO_TEST_CASE(batch_has_rows_among_ever_so_many_generations)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 50; ++id)
        desk.generate({.id = id, .client = 1, .tokens = 1});
    desk.generate({.id = 99, .client = 2, .priority = batch, .tokens = 1});
    desk.run(100);
    BOOST_TEST(desk.fed[99] >= 5);
}

// -- memory and prefixes
// ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(who_waits_for_room_is_not_overtaken)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = 200});
    desk.step();
    desk.says[2] = kind::no_room;
    desk.arrive({.id = 2, .client = 2, .tokens = 10});
    desk.arrive({.id = 3, .client = 3, .tokens = 10});
    desk.arrive({.id = 4, .base = 1, .client = 4, .tokens = 10});
    for (int i = 0; i < 4; ++i) { // who has begun goes on
        BOOST_TEST(desk.step() == "0: 1x32");
        BOOST_TEST(desk.asked == std::vector<std::uint64_t>{2}, boost::test_tools::per_element());
    }
    desk.says.clear();
    BOOST_TEST(desk.step().starts_with("0: 2x10"));
    BOOST_TEST(desk.step() == "1: 4x10");
}

BOOST_AUTO_TEST_CASE(who_waited_for_room_and_left_is_waited_for_no_more)
{
    planner_desk desk;
    desk.says[1] = kind::no_room;
    desk.arrive({.id = 1, .client = 1, .tokens = 10});
    desk.arrive({.id = 2, .client = 2, .tokens = 10});
    BOOST_TEST(desk.step() == "nothing");
    desk.leave(1);
    BOOST_TEST(desk.step() == "0: 2x10");
}

BOOST_AUTO_TEST_CASE(batch_that_waits_for_room_stops_no_interactive_one)
{
    planner_desk desk;
    desk.says[1] = kind::no_room;
    desk.arrive({.id = 1, .client = 1, .priority = batch, .tokens = 10});
    BOOST_TEST(desk.step() == "nothing");
    desk.arrive({.id = 2, .client = 2, .tokens = 10});
    BOOST_TEST(desk.step() == "0: 2x10");
}

BOOST_AUTO_TEST_CASE(batch_that_holds_memory_goes_on_while_an_interactive_one_waits_for_it)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .priority = batch, .tokens = 70});
    desk.arrive({.id = 2, .client = 1, .priority = batch, .tokens = 70});
    BOOST_TEST(desk.step() == "0: 1x32");
    desk.says[3] = kind::no_room;
    desk.arrive({.id = 3, .client = 2, .tokens = 10});
    BOOST_TEST(desk.step() == "0: 1x32");
    BOOST_TEST(desk.step() == "0: 1x6"); // and 2 does not begin
    BOOST_TEST(desk.step() == "nothing");
    desk.leave(1);
    desk.says.clear();
    BOOST_TEST(desk.step() == "0: 3x10");
    BOOST_TEST(desk.step() == "0: 2x32");
}

BOOST_AUTO_TEST_CASE(waiting_for_room_saves_nothing_up)
{
    planner_desk desk;
    desk.arrive({.id = 1, .client = 1, .tokens = endless});
    desk.step();
    desk.says[2] = kind::no_room;
    desk.arrive({.id = 2, .client = 2, .tokens = endless});
    desk.run(500);
    desk.says.clear();
    desk.run(20);
    BOOST_TEST(desk.fed[2] >= 320);
    BOOST_TEST(desk.fed[2] <= 320 + 48);
}

BOOST_AUTO_TEST_CASE(who_is_to_come_later_is_passed)
{
    planner_desk desk;
    desk.says[2] = kind::later;
    for (std::uint64_t id = 1; id <= 3; ++id)
        desk.arrive({.id = id, .client = 1, .tokens = 10});
    BOOST_TEST(desk.step() == "0: 1x10 3x10");
    BOOST_TEST(desk.step() == "nothing");
    desk.says.clear();
    BOOST_TEST(desk.step() == "0: 2x10");
}

BOOST_AUTO_TEST_CASE(who_waited_for_room_is_asked_before_those_that_come_later)
{
    planner_desk desk;
    desk.says = {{1, kind::later}, {2, kind::no_room}};
    for (std::uint64_t id = 1; id <= 3; ++id)
        desk.arrive({.id = id, .client = 1, .tokens = 10});
    BOOST_TEST(desk.step() == "nothing");
    desk.says[2] = kind::begun;
    BOOST_TEST(desk.step() == "0: 2x10 3x10");
}

BOOST_AUTO_TEST_CASE(a_step_does_not_ask_all_that_wait)
{
    planner_desk desk;
    for (std::uint64_t id = 1; id <= 10000; ++id) {
        desk.arrive({.id = id, .client = id % 2, .tokens = 16});
        if (id > 2)
            desk.says[id] = kind::later;
    }
    desk.step();
    BOOST_TEST(desk.asked.size() == 2);
    desk.step();
    BOOST_TEST(desk.asked.size() <= 64);
    desk.says.clear();
    desk.step();
    BOOST_TEST(desk.asked.size() == 2);
}

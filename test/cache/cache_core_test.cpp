// Who is answered, joined, and waited for.

#include "support/core_fixture.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::limits_with, test::model, test::text;
using fixture = test::core_fixture;

// -- the contract of the reference system -----------------------------------

BOOST_AUTO_TEST_CASE(a_limit_of_0_models_is_refused)
{
    cache_limits limits;
    limits.max_loaded_models = 0;
    BOOST_TEST(validate(limits).error().detail.find("max_size must be >= 1") != std::string::npos);
    limits.max_loaded_models = 1;
    BOOST_TEST(validate(limits).has_value());
}

BOOST_AUTO_TEST_CASE(a_miss_loads_and_a_hit_does_not)
{
    fixture f(2);
    BOOST_TEST(f.want(1, "a") == "load 1");
    BOOST_TEST(f.loaded(1) == "grant 1 of 1");
    BOOST_TEST(f.released(1) == "");
    BOOST_TEST(f.want(2, "a") == "grant 2 of 1 cached");
}

BOOST_AUTO_TEST_CASE(a_hit_makes_the_entry_most_recently_used)
{
    fixture f(3);
    f.use("a"), f.use("b"), f.use("c");
    BOOST_TEST(f.keys() == "a b c");
    f.use("a");
    BOOST_TEST(f.keys() == "b c a");
}

BOOST_AUTO_TEST_CASE(loading_past_the_limit_closes_the_least_recently_used_first_and_then_loads)
{
    fixture f(2);
    f.use("a"), f.use("b"), f.use("a");
    BOOST_TEST(f.want(1, "c") == "close 2 capacity"); // b, and no load yet
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
    BOOST_TEST(f.loaded(3) == "grant 1 of 3");
    BOOST_TEST(f.keys() == "a c");
}

BOOST_AUTO_TEST_CASE(evict_all_closes_every_backend_exactly_once)
{
    fixture f(3);
    f.use("a"), f.use("b"), f.use("c");
    BOOST_TEST(text(f.core.drain(f.now)) == "close 1 shutdown; close 2 shutdown; close 3 shutdown");
    BOOST_TEST(text(f.core.drain(f.now)) == "");
    BOOST_TEST(f.keys() == "");
    BOOST_TEST(!f.core.empty());
    f.closed(1), f.closed(2), f.closed(3);
    BOOST_TEST(f.core.empty());
}

BOOST_AUTO_TEST_CASE(concurrent_requests_for_one_cold_key_share_one_load)
{
    for (const waiter_id n : {4U, 10'000U}) {
        fixture f(1);
        BOOST_TEST(f.want(1, "a") == "load 1");
        for (waiter_id waiter = 2; waiter <= n; ++waiter)
            BOOST_TEST_REQUIRE(f.want(waiter, "a") == "");
        const effects granted = f.core.loaded(1, footprint{.all = 1}, f.now);
        BOOST_TEST_REQUIRE(granted.size() == n);
        for (waiter_id waiter = 1; waiter <= n; ++waiter) // first come, first served
            BOOST_TEST_REQUIRE((std::get<effect::grant>(granted[waiter - 1]) ==
                                effect::grant{waiter, 1, false, waiter != 1}));
        BOOST_TEST(f.core.find({"a"})->leases == n);
        BOOST_TEST(f.core.stats().loads == 1U);
    }
}

BOOST_AUTO_TEST_CASE(a_failed_load_refuses_all_who_joined_alike_and_nothing_is_cached)
{
    fixture f(1);
    f.want(1, "a"), f.want(2, "a"), f.want(3, "a");
    const effects told = f.core.loaded(1, failure{errc::load_failed, "why", "cause"}, f.now);
    BOOST_TEST(text(told) == "refuse 1 load_failed; refuse 2 load_failed; refuse 3 load_failed");
    BOOST_TEST((std::get<effect::refuse>(told[0]).why == std::get<effect::refuse>(told[2]).why));
    BOOST_TEST(f.keys() == "");
    BOOST_TEST(f.core.empty());
}

BOOST_AUTO_TEST_CASE(a_leased_backend_is_never_closed_for_a_newcomer)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    BOOST_TEST(f.want(2, "b") == "");
    BOOST_TEST((f.state("b") == entry_state::waiting));
    BOOST_TEST(f.want(3, "a") == "grant 3 of 1 cached"); // others are served meanwhile
    BOOST_TEST(f.released(1) == "");
    BOOST_TEST(f.released(1) == "close 1 capacity");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
}

// -- waiting, joining, leaving ----------------------------------------------

BOOST_AUTO_TEST_CASE(the_first_caller_leaving_does_not_stop_the_load_of_the_others)
{
    fixture f(1);
    f.want(1, "a"), f.want(2, "a");
    BOOST_TEST(f.abandon(1) == "");
    BOOST_TEST(f.loaded(1) == "grant 2 of 1 joined");
}

BOOST_AUTO_TEST_CASE(a_load_nobody_waits_for_any_more_ends_and_stays_warm)
{
    fixture f(1);
    f.want(1, "a");
    BOOST_TEST(f.abandon(1) == "");
    BOOST_TEST(f.want(2, "b") == ""); // its room is taken until it really ends
    BOOST_TEST(f.abandon(2) == "gone 2");
    BOOST_TEST(f.loaded(1) == "");
    BOOST_TEST(f.want(3, "a") == "grant 3 of 1 cached");
}

BOOST_AUTO_TEST_CASE(nothing_is_loaded_for_nobody)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b"), f.abandon(2);
    BOOST_TEST(f.released(1) == ""); // a stays: b is not wanted any more
    BOOST_TEST(!f.core.find({"b"}).has_value());
}

BOOST_AUTO_TEST_CASE(an_abandon_after_the_answer_changes_nothing)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    BOOST_TEST(f.abandon(1) == "");
    BOOST_TEST(f.core.find({"a"})->leases == 1U); // comes back by released()
    BOOST_TEST(f.abandon(77) == "");
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_is_joined_too)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b"), f.want(3, "b");
    f.released(1);
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
    BOOST_TEST(f.loaded(2) == "grant 2 of 2; grant 3 of 2 joined");
}

BOOST_AUTO_TEST_CASE(two_newcomers_for_one_idle_place_are_served_in_order)
{
    fixture f(1);
    f.use("a");
    BOOST_TEST(f.want(1, "b") == "close 1 capacity");
    BOOST_TEST(f.want(2, "c") == "");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
    BOOST_TEST(f.loaded(2) == "grant 1 of 2"); // b is served before it can be a victim
    BOOST_TEST(f.released(2) == "close 2 capacity");
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
    BOOST_TEST(f.loaded(3) == "grant 2 of 3");
}

BOOST_AUTO_TEST_CASE(a_request_for_a_victim_that_is_closing_waits_for_its_close)
{
    fixture f(1);
    f.use("a");
    f.want(1, "b");
    BOOST_TEST(f.want(2, "a") == ""); // invariant 4
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
    f.loaded(2);
    BOOST_TEST(f.released(2) == "close 2 capacity");
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
    BOOST_TEST(f.loaded(3) == "grant 2 of 3");
}

BOOST_AUTO_TEST_CASE(a_new_instance_waits_for_the_old_one_to_close_even_with_room_to_spare)
{
    fixture f(3);
    f.use("a");
    BOOST_TEST(f.unload("a") == "close 1 admin");
    BOOST_TEST(f.want(1, "a") == "");
    BOOST_TEST(f.want(2, "b") == "load 3"); // and holds nobody up
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_at_once_with_a_hint)
{
    fixture f(limits_with(1, [](cache_limits& l) { l.max_waiters = 2; }));
    f.want(1, "a"), f.want(2, "b");
    const effects refused = f.core.acquire(3, {.model = model("c", "g1")}, f.now);
    BOOST_TEST(text(refused) == "refuse 3 busy");
    BOOST_TEST(std::get<effect::refuse>(refused[0]).why.retry_after_seconds.has_value());
    BOOST_TEST(f.want(4, "a") == "refuse 4 busy");
    f.abandon(2);
    BOOST_TEST(f.want(5, "a") == "");
}

BOOST_AUTO_TEST_CASE(after_max_wait_a_busy_model_is_drained_for_the_newcomer)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b");
    f.after(9s);
    BOOST_TEST(f.want(3, "a") == "grant 3 of 1 cached");
    BOOST_TEST(f.after(1s) == "");
    BOOST_TEST(f.want(4, "a") == ""); // joins the line behind b
    BOOST_TEST(f.released(1) == "");
    BOOST_TEST(f.released(1) == "close 1 capacity");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
    f.loaded(2);
    BOOST_TEST(f.released(2) == "close 2 capacity");
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
    BOOST_TEST(f.loaded(3) == "grant 4 of 3");
}

BOOST_AUTO_TEST_CASE(a_model_keeps_its_place_for_min_residency_after_its_load)
{
    fixture f(limits_with(1, [](cache_limits& l) { l.min_residency = 5s; }));
    f.use("a");
    f.after(1s);
    BOOST_TEST(f.want(1, "b") == "");
    f.use("a"); // served meanwhile, and does not lengthen it
    BOOST_TEST(f.after(3s) == "");
    BOOST_TEST(f.after(1s) == "close 1 capacity");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(within_min_residency_an_idle_model_loaded_earlier_makes_room)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.min_residency = 5s; }));
    f.use("a");
    f.after(6s);
    f.use("b"), f.use("a"); // b is the least recently used, and new
    BOOST_TEST(f.want(1, "c") == "close 1 capacity");
}

BOOST_AUTO_TEST_CASE(min_residency_never_makes_a_newcomer_wait_longer_than_max_wait)
{
    fixture f(limits_with(1, [](cache_limits& l) { l.min_residency = 1h; }));
    f.use("a");
    f.want(1, "b");
    BOOST_TEST(f.after(9s) == "");
    BOOST_TEST(f.after(1s) == "close 1 capacity");
}

BOOST_AUTO_TEST_CASE(the_end_of_a_min_residency_does_not_put_off_max_wait)
{
    fixture f(
        limits_with(2, [](cache_limits& l) { l.min_residency = 4s, l.max_loaded_bytes = 60; }));
    f.want(1, "a", 50), f.loaded(1, 50); // leased
    f.use("b", 10);
    f.want(2, "c", 60);
    BOOST_TEST(f.after(4s) == ""); // b alone would not be enough
    f.after(6s);
    BOOST_TEST((f.core.find({"a"}) == std::nullopt)); // on its way out for c
}

BOOST_AUTO_TEST_CASE(models_asked_for_in_turn_are_not_loaded_every_time)
{
    fixture f(limits_with(1, [](cache_limits& l) { l.min_residency = 5s; }));
    entry_id resident = 0;
    waiter_id next = 1;
    const auto play = [&](effects said) { // a shell whose loads and closes take no time
        for (std::size_t i = 0; i != said.size(); ++i) {
            effects more;
            if (const auto* load = std::get_if<effect::load>(&said[i]))
                more = f.core.loaded(resident = load->entry, footprint{.all = 1}, f.now);
            else if (const auto* close = std::get_if<effect::close>(&said[i]))
                more = f.core.closed(close->entry, f.now);
            else if (const auto* granted = std::get_if<effect::grant>(&said[i]))
                more = f.core.released(granted->entry, 0s, f.now);
            said.insert(said.end(), more.begin(), more.end());
        }
    };
    for (int second = 0; second != 60; ++second) {
        play(f.core.acquire(next++, {.model = model(second % 2 ? "b" : "a", "g1")}, f.now));
        f.now += 1s;
        play(f.core.tick(f.now));
    }
    BOOST_TEST(f.core.stats().loads == 13U); // not 60
    BOOST_TEST(f.core.stats().waiters <= 5U);
}

BOOST_AUTO_TEST_CASE(requests_for_one_model_are_grouped_so_loads_are_bounded)
{
    fixture f(1);
    waiter_id next = 1;
    for (const char* key : {"a", "b", "a", "a", "b", "c", "a"})
        f.want(next++, key);
    for (entry_id entry = 1; entry != 4; ++entry) { // every load serves all who wait for it
        f.loaded(entry);
        while (f.core.stats().leases != 0)
            f.released(entry);
        if (entry != 3)
            f.closed(entry);
    }
    BOOST_TEST(f.core.stats().loads == 3U);
    BOOST_TEST(f.core.stats().waiters == 0U);
}

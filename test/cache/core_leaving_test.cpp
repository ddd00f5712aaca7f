// How entries leave: time, failures, unload, new files, drain.

#include "support/core_fixture.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::limits_with, test::model, test::text;
using fixture = test::core_fixture;

// -- time ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(idleness_counts_from_the_last_release)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.want(1, "a"), f.after(1min), f.loaded(1); // a load longer than the timeout is not interrupted
    BOOST_TEST(f.after(1min) == "");            // nor a run
    f.released(1);
    BOOST_TEST(f.after(4s) == "");
    BOOST_TEST(f.after(1s) == "close 1 idle");
}

BOOST_AUTO_TEST_CASE(idleness_counts_from_the_last_touch)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.use("a");
    BOOST_TEST(f.after(3s) == "");
    BOOST_TEST(f.core.touch(1, 0s, f.now));
    BOOST_TEST((f.core.find({"a"})->expires_at == f.now + 5s));
    BOOST_TEST(f.after(2s) == ""); // the first expiry: it was used since
    BOOST_TEST(f.after(3s) == "close 1 idle");
}

BOOST_AUTO_TEST_CASE(a_touch_keeps_alive)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.use("a");
    BOOST_TEST(f.core.touch(1, 60s, f.now));
    BOOST_TEST(f.core.touch(1, 1s, f.now));
    f.after(5s);
    BOOST_TEST(f.after(54s) == "");
    BOOST_TEST(f.after(1s) == "close 1 idle");
}

BOOST_AUTO_TEST_CASE(a_touch_is_a_use_and_a_hit)
{
    fixture f(2);
    f.use("a"), f.use("b");
    BOOST_TEST(f.core.touch(*f.core.ready_for(*model("a", "g1")), 0s, f.now));
    BOOST_TEST(f.keys() == "b a");
    BOOST_TEST(f.core.stats().hits == 1U);
    BOOST_TEST(f.want(1, "c") == "close 2 capacity");
}

BOOST_AUTO_TEST_CASE(what_is_not_ready_for_newcomers_cannot_be_touched)
{
    fixture f(3);
    BOOST_TEST(!f.core.touch(1, 0s, f.now)); // there never was one
    f.want(1, "a");
    BOOST_TEST(!f.core.touch(1, 0s, f.now)); // it loads
    f.loaded(1);
    BOOST_TEST(!f.core.ready_for(*model("a", "g2")));
    BOOST_TEST(f.core.touch(1, 0s, f.now)); // leased
    f.unload("a");
    BOOST_TEST(!f.core.ready_for(*model("a", "g1")));
    BOOST_TEST(!f.core.touch(1, 0s, f.now)); // it drains
    f.released(1);
    BOOST_TEST(!f.core.touch(1, 0s, f.now)); // it closes
    f.closed(1);
    BOOST_TEST(!f.core.touch(1, 0s, f.now)); // it is gone
    BOOST_TEST(f.core.stats().hits == 1U);
}

BOOST_AUTO_TEST_CASE(a_wake_is_asked_for_when_something_will_expire)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.core.acquire(1, {.model = model("a", "g1")}, f.now);
    f.core.loaded(1, footprint{.all = 1}, f.now);
    const effects all = f.core.released(1, 0s, f.now);
    BOOST_TEST_REQUIRE(all.size() == 1U);
    BOOST_TEST((std::get<effect::wake>(all[0]).at == f.now + 5s));
}

BOOST_AUTO_TEST_CASE(keep_alive_only_lengthens)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.want(1, "a"), f.want(2, "a"), f.loaded(1);
    f.released(1, 60s);
    f.released(1, 1s);
    BOOST_TEST(f.after(59s) == "");
    BOOST_TEST(f.after(1s) == "close 1 idle");
}

BOOST_AUTO_TEST_CASE(a_request_as_the_idle_timer_fires_is_served_by_the_old_instance_or_the_new)
{
    const auto limits = limits_with(1, [](cache_limits& l) { l.idle_timeout = 5s; });
    fixture before(limits), behind(limits);
    before.use("a"), behind.use("a");
    before.now += 5s; // the request comes first
    BOOST_TEST(before.want(1, "a") == "grant 1 of 1 cached");
    BOOST_TEST(before.after(0s) == "");
    BOOST_TEST(behind.after(5s) == "close 1 idle");
    BOOST_TEST(behind.want(1, "a") == "");
    BOOST_TEST(behind.closed(1) == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(observation_never_counts_as_use)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.use("a"), f.use("b");
    for (int second = 0; second != 5; ++second) {
        f.core.entries(), f.core.stats(), f.core.find({"a"});
        BOOST_TEST(f.keys() == "a b");
        f.now += 1s;
    }
    BOOST_TEST(f.after(0s) == "close 1 idle; close 2 idle");
}

BOOST_AUTO_TEST_CASE(a_load_that_hangs_is_overdue_keeps_its_charge_and_is_refused_at_once)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.load_timeout = 30s; }));
    f.want(1, "a"), f.want(2, "a");
    BOOST_TEST(f.after(30s) == "overdue 1; refuse 1 timeout; refuse 2 timeout");
    BOOST_TEST(f.want(3, "a") == "refuse 3 timeout");
    BOOST_TEST(f.want(4, "b") == "load 2"); // others go on
    BOOST_TEST(f.core.stats().overdue == 1U);
    BOOST_TEST(f.core.stats().charged_bytes == 2U);
    BOOST_TEST(f.loaded(1) == ""); // it came back after all
    BOOST_TEST(f.want(5, "a") == "grant 5 of 1 cached");
    BOOST_TEST(f.core.stats().overdue == 0U);
}

BOOST_AUTO_TEST_CASE(an_overdue_load_that_stops_is_remembered_as_a_timeout)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.load_timeout = 30s; }));
    f.want(1, "a");
    f.after(30s);
    BOOST_TEST(f.failed(1) == "");
    BOOST_TEST(f.want(2, "a") == "refuse 2 timeout cached");
    f.now += 2s; // the end of the first back-off
    BOOST_TEST(f.want(3, "a") == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(a_close_that_hangs_keeps_its_charge_and_refuses_its_key)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.close_timeout = 30s; }));
    f.use("a");
    f.unload("a");
    f.want(1, "a");
    BOOST_TEST(f.after(30s) == "overdue 1; refuse 1 timeout; gone 2");
    BOOST_TEST(f.want(2, "a") == "refuse 2 timeout");
    BOOST_TEST(f.want(3, "b") == "load 3");
    BOOST_TEST(f.want(4, "c") == ""); // the lost place stays lost
    f.loaded(3);
    BOOST_TEST(f.closed(1) == "gone 1; load 4"); // until it returns
}

// -- failures ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(within_the_back_off_the_failure_is_answered_from_memory)
{
    fixture f(1);
    f.want(1, "a"), f.failed(1);
    const effects refused = f.core.acquire(2, {.model = model("a", "g1")}, f.now);
    BOOST_TEST(text(refused) == "refuse 2 load_failed cached");
    BOOST_TEST(std::get<effect::refuse>(refused[0]).why.retry_after_seconds.value() == 1.0);
    f.after(1s);
    BOOST_TEST(f.want(3, "a") == "gone 1; load 2"); // one new attempt
}

BOOST_AUTO_TEST_CASE(the_back_off_doubles_up_to_its_limit)
{
    fixture f(1);
    entry_id entry = 1;
    for (const auto back_off : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        f.want(entry, "a"), f.failed(entry);
        f.after(back_off - 1ms);
        BOOST_TEST(f.want(100, "a") == "refuse 100 load_failed cached");
        f.after(1ms);
        ++entry;
    }
}

BOOST_AUTO_TEST_CASE(an_explicit_load_an_unload_and_new_files_clear_a_failure)
{
    fixture f(1);
    f.want(1, "a"), f.failed(1);
    BOOST_TEST(f.insist(2, "a") == "gone 1; load 2");
    f.failed(2);
    BOOST_TEST(f.unload("a") == "gone 2");
    BOOST_TEST(f.want(3, "a") == "load 3");
    f.failed(3);
    BOOST_TEST(f.want(4, "a", 1, "g2") == "gone 3; load 4");
}

BOOST_AUTO_TEST_CASE(a_load_that_fails_after_an_eviction_ends_in_an_error_and_no_loop)
{
    fixture f(1);
    f.use("a");
    f.want(1, "b"), f.closed(1);
    BOOST_TEST(f.failed(2) == "refuse 1 load_failed");
    BOOST_TEST(f.core.stats().load_failures == 1U);
    BOOST_TEST(f.core.stats().evictions[0] == 1U);
    BOOST_TEST(f.want(2, "a") == "load 3");
}

// -- unload, stale, drain ---------------------------------------------------

BOOST_AUTO_TEST_CASE(unload_while_leased_waits_for_the_last_lease_and_admits_nobody)
{
    fixture f(2);
    f.want(1, "a"), f.loaded(1);
    BOOST_TEST(f.unload("a") == "");
    BOOST_TEST((f.left == std::vector<entry_id>{1}));
    BOOST_TEST(f.want(2, "a") == "");
    BOOST_TEST(f.released(1) == "close 1 admin");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(unload_during_a_load_serves_those_who_asked_before_and_then_closes)
{
    fixture f(2);
    f.want(1, "a");
    BOOST_TEST(f.unload("a") == "");
    BOOST_TEST(f.loaded(1) == "grant 1 of 1");
    BOOST_TEST(f.released(1) == "close 1 admin");
}

BOOST_AUTO_TEST_CASE(changed_files_are_a_new_instance_and_runs_under_way_finish_on_the_old)
{
    fixture f(2);
    f.want(1, "a", 1, "g1"), f.loaded(1);
    BOOST_TEST(f.want(2, "a", 1, "g2") == "load 2"); // both may be resident for a while
    BOOST_TEST(f.loaded(2) == "grant 2 of 2");
    BOOST_TEST(f.released(1) == "close 1 stale");
    BOOST_TEST(f.want(3, "a", 1, "g2") == "grant 3 of 2 cached");
}

BOOST_AUTO_TEST_CASE(files_changed_during_a_load_are_loaded_anew_for_those_who_ask_after)
{
    fixture f(2);
    f.want(1, "a", 1, "g1");
    BOOST_TEST(f.want(2, "a", 1, "g2") == "load 2");
    BOOST_TEST(f.loaded(1) == "grant 1 of 1");
    BOOST_TEST(f.loaded(2) == "grant 2 of 2");
    BOOST_TEST(f.released(1) == "close 1 stale");
}

BOOST_AUTO_TEST_CASE(the_successor_of_a_pinned_model_is_pinned)
{
    fixture f(2);
    f.want_pinned(1, "a"), f.loaded(1), f.released(1);
    BOOST_TEST(f.want(2, "a", 1, "g2") == "close 1 stale; load 2");
    BOOST_TEST(f.core.find({"a"})->pinned);
}

BOOST_AUTO_TEST_CASE(changed_files_retire_the_old_instance_though_nobody_asks)
{
    fixture f(3);
    f.use("idle");
    f.want(1, "leased"), f.loaded(2);
    f.want(2, "loading");
    BOOST_TEST(f.renewed("idle", "g1") == ""); // as it is
    BOOST_TEST(f.renewed("idle", "g2") == "close 1 stale");
    BOOST_TEST(f.renewed("leased", "g2") == "");
    BOOST_TEST(f.released(2) == "close 2 stale");
    BOOST_TEST(f.renewed("loading", "g2") == "");
    BOOST_TEST(f.loaded(3) == "grant 2 of 3"); // those who asked before
    BOOST_TEST(f.released(3) == "close 3 stale");
    BOOST_TEST(f.renewed("unknown", "g2") == "");
}

BOOST_AUTO_TEST_CASE(changed_files_that_nobody_asks_for_leave_a_pinned_model_until_somebody_does)
{
    fixture f(2);
    f.want_pinned(1, "a"), f.loaded(1), f.released(1);
    BOOST_TEST(f.renewed("a", "g2") == "");
    BOOST_TEST(f.want(2, "a", 1, "g2") == "close 1 stale; load 2");
    BOOST_TEST(f.core.find({"a"})->pinned);
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_gets_the_files_of_the_day_it_loads)
{
    fixture f(1);
    f.want(1, "busy"), f.loaded(1);
    f.want(2, "a", 1, "g1");
    BOOST_TEST(f.renewed("a", "g2") == "");
    BOOST_TEST(f.core.find({"a"})->files.text == "g2");
}

BOOST_AUTO_TEST_CASE(drain_refuses_who_waits_stops_loads_and_closes_what_ends_late)
{
    fixture f(2);
    f.want(1, "leased"), f.loaded(1);
    f.want(2, "loading");
    f.want(3, "waiting");
    BOOST_TEST(text(f.core.drain(f.now)) ==
               "refuse 2 shutting_down; stop 2; refuse 3 shutting_down; gone 3");
    BOOST_TEST(f.want(4, "leased") == "refuse 4 shutting_down");
    BOOST_TEST(f.released(1) == "close 1 shutdown");
    BOOST_TEST(f.loaded(2) == "close 2 shutdown");
    f.closed(1);
    BOOST_TEST(!f.core.empty());
    f.closed(2);
    BOOST_TEST(f.core.empty());
}

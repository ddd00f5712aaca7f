// Room: charges, pins, and limits that change.

#include "support/core_fixture.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::limits_with, test::model, test::text;
using fixture = test::core_fixture;

// -- room ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(bytes_and_count_both_limit)
{
    fixture f(3, 100);
    f.use("a", 60), f.use("b", 30);
    BOOST_TEST(f.want(1, "c", 50) == "close 1 bytes"); // a alone makes enough room
    BOOST_TEST(f.closed(1) == "gone 1; load 3");
    BOOST_TEST(f.core.stats().charged_bytes == 80U);
}

BOOST_AUTO_TEST_CASE(what_can_never_fit_is_refused_at_once_and_nothing_is_evicted)
{
    fixture f(3, 100);
    f.use("a", 60);
    const effects refused = f.core.acquire(1, {.model = model("huge", "g1", 101)}, f.now);
    BOOST_TEST(text(refused) == "refuse 1 too_large");
    const std::string& words = std::get<effect::refuse>(refused[0]).why.detail;
    BOOST_TEST(words.find("101") != std::string::npos);
    BOOST_TEST(words.find("100") != std::string::npos);
    BOOST_TEST(f.keys() == "a");
}

BOOST_AUTO_TEST_CASE(nothing_is_evicted_unless_it_makes_enough_room)
{
    fixture f(3, 100);
    f.use("idle", 10);
    f.want(1, "busy", 80), f.loaded(2, 80);
    BOOST_TEST(f.want(2, "big", 50) == ""); // idle's 10 bytes would not help
    BOOST_TEST(f.keys() == "idle busy");
    BOOST_TEST(f.released(2) == "close 1 bytes; close 2 bytes");
    f.closed(1);
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
}

BOOST_AUTO_TEST_CASE(an_overrun_evicts_idle_entries_and_admits_nobody_until_it_is_over)
{
    fixture f(4, 100);
    f.use("a", 30);
    f.want(1, "b", 50);
    BOOST_TEST(f.loaded(2, 120) == "grant 1 of 2; close 1 bytes");
    BOOST_TEST(f.closed(1) == "gone 1");
    BOOST_TEST(f.core.stats().charged_bytes == 120U);
    BOOST_TEST(f.want(2, "c", 1) == "");
    BOOST_TEST(f.released(2) == "close 2 bytes");
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
}

BOOST_AUTO_TEST_CASE(nobody_overtakes_the_first_in_line)
{
    fixture f(4, 100);
    f.want(1, "a", 90), f.loaded(1, 90);
    f.want(2, "big", 100);
    BOOST_TEST(f.want(3, "small", 1) == ""); // would fit now, but would starve big
    BOOST_TEST(f.released(1) == "close 1 bytes");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(weights_shared_by_several_adapters_are_charged_once)
{
    fixture f(4, 100);
    f.want_adapter(1, "a", 5, 80), f.loaded_adapter(1, 5, 82), f.released(1);
    BOOST_TEST(f.core.stats().charged_bytes == 87U);
    BOOST_TEST(f.want_adapter(2, "b", 6, 80) == "load 2"); // beside the base: no eviction
    f.loaded_adapter(2, 6, 82), f.released(2);
    BOOST_TEST(f.core.stats().charged_bytes == 93U);
    f.unload("a"), f.closed(1);
    BOOST_TEST(f.core.stats().charged_bytes == 88U); // the base stays for b
    f.unload("b"), f.closed(2);
    BOOST_TEST(f.core.stats().charged_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(shared_weights_are_free_only_when_their_last_user_goes)
{
    fixture f(4, 100);
    f.want_adapter(1, "a", 5, 80), f.loaded_adapter(1, 5, 80), f.released(1);
    f.want_adapter(2, "b", 5, 80), f.loaded_adapter(2, 5, 80), f.released(2);
    BOOST_TEST(f.want(3, "other", 20) ==
               "close 1 bytes; close 2 bytes"); // closing a alone frees 5 bytes
    f.closed(1);
    BOOST_TEST(f.closed(2) == "gone 2; load 3");
}

// -- pins ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(when_everything_is_pinned_a_new_key_is_refused_at_once)
{
    fixture f(1);
    f.want_pinned(1, "a"), f.loaded(1), f.released(1);
    BOOST_TEST(f.want(2, "b") == "refuse 2 all_pinned");
    BOOST_TEST(f.want(3, "a") == "grant 3 of 1 cached");
    f.released(1);
    BOOST_TEST(f.pin("a", false) == "");
    BOOST_TEST(f.want(4, "b") == "close 1 capacity");
}

BOOST_AUTO_TEST_CASE(pinning_the_last_place_refuses_those_who_wait_for_it)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b");
    BOOST_TEST(f.pin("a", true) == "refuse 2 all_pinned; gone 2");
    BOOST_TEST(f.pin("nowhere", true) == "nothing there");
}

BOOST_AUTO_TEST_CASE(a_pinned_model_is_passed_over_for_eviction_and_idle_expiry)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 5s; }));
    f.want_pinned(1, "a"), f.loaded(1), f.released(1);
    f.use("b");
    BOOST_TEST(f.want(2, "c") == "close 2 capacity");
    BOOST_TEST(f.after(1h).find("close 1") == std::string::npos);
}

// -- new limits ------------------------------------------------------------

namespace {

auto models_at_most(std::size_t count)
{
    return [count](cache_limits& to) { to.max_loaded_models = count; };
}
auto bytes_at_most(std::uint64_t bytes)
{
    return [bytes](cache_limits& to) { to.max_loaded_bytes = bytes; };
}

} // namespace

BOOST_AUTO_TEST_CASE(the_same_limits_again_change_nothing)
{
    fixture f(2);
    f.use("a"), f.use("b");
    BOOST_TEST(f.set_limits([](cache_limits&) {}) == "");
    BOOST_TEST(f.keys() == "a b");
}

BOOST_AUTO_TEST_CASE(lowering_the_limit_closes_idle_models_least_recently_used_first)
{
    fixture f(4);
    f.use("a"), f.use("b"), f.use("c"), f.use("a");
    BOOST_TEST(f.set_limits(models_at_most(1)) == "close 2 capacity; close 3 capacity");
    BOOST_TEST(f.keys() == "a");
    BOOST_TEST(f.set_limits(models_at_most(1)) == ""); // what is closing counts as gone
    f.closed(2), f.closed(3);
}

BOOST_AUTO_TEST_CASE(lowering_the_limit_closes_leased_models_as_they_return_until_the_rest_fits)
{
    fixture f(3);
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b"), f.loaded(2);
    f.want(3, "c"), f.loaded(3);
    BOOST_TEST(f.set_limits(models_at_most(1)) == "");
    BOOST_TEST(f.released(2) == "close 2 capacity");
    BOOST_TEST(f.released(3) == "close 3 capacity");
    BOOST_TEST(f.released(1) == "");
    BOOST_TEST(f.keys() == "a");
    f.closed(2), f.closed(3);
}

BOOST_AUTO_TEST_CASE(a_load_that_ends_above_a_lowered_limit_serves_its_waiters_and_then_closes)
{
    fixture f(2);
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b");
    BOOST_TEST(f.set_limits(models_at_most(1)) == "");
    BOOST_TEST(f.loaded(2) == "grant 2 of 2");
    BOOST_TEST(f.released(2) == "close 2 capacity");
}

BOOST_AUTO_TEST_CASE(lowering_the_bytes_closes_no_more_than_needed)
{
    fixture f(4, 100);
    f.use("a", 30), f.use("b", 30), f.use("c", 30);
    BOOST_TEST(f.set_limits(bytes_at_most(60)) == "close 1 bytes");
    BOOST_TEST(f.keys() == "b c");
}

BOOST_AUTO_TEST_CASE(a_pinned_model_stays_above_a_lowered_limit_until_it_is_unpinned)
{
    fixture f(2);
    f.use("a"), f.use("b");
    f.pin("a", true), f.pin("b", true);
    BOOST_TEST(f.set_limits(models_at_most(1)) == "");
    BOOST_TEST(f.pin("b", false) == "close 2 capacity");
    BOOST_TEST(f.keys() == "a");
}

BOOST_AUTO_TEST_CASE(raising_the_limit_lets_waiters_in)
{
    fixture f(1);
    f.want(1, "a"), f.loaded(1);
    BOOST_TEST(f.want(2, "b") == "");
    BOOST_TEST(f.want(3, "c") == "");
    BOOST_TEST(f.set_limits(models_at_most(3)) == "load 2; load 3");
}

BOOST_AUTO_TEST_CASE(who_waits_for_what_can_never_fit_any_more_is_refused)
{
    fixture f(2, 100);
    f.want(1, "a", 60), f.loaded(1, 60);
    BOOST_TEST(f.want(2, "b", 50) == "");
    BOOST_TEST(f.want(3, "c", 40) == "");
    BOOST_TEST(f.set_limits([](cache_limits& to) { to.max_loaded_bytes = 45; }) ==
               "refuse 2 too_large; gone 2");
    BOOST_TEST(f.released(1) == "close 1 bytes");
    BOOST_TEST(f.closed(1) == "gone 1; load 3");
}

BOOST_AUTO_TEST_CASE(a_new_idle_timeout_counts_from_the_last_release_and_keep_alive_still_holds)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 1h; }));
    f.use("a");
    f.want(1, "b"), f.loaded(2), f.released(2, 40s);
    f.after(10s);
    f.set_limits([](cache_limits& to) { to.idle_timeout = 30s; });
    BOOST_TEST(f.after(19s) == "");
    BOOST_TEST(f.after(1s).starts_with("close 1 idle"));
    BOOST_TEST(f.after(10s).starts_with("close 2 idle"));
}

BOOST_AUTO_TEST_CASE(no_idle_timeout_any_more_keeps_what_would_have_expired)
{
    fixture f(limits_with(2, [](cache_limits& l) { l.idle_timeout = 30s; }));
    f.use("a");
    f.set_limits([](cache_limits& to) { to.idle_timeout = 0s; });
    BOOST_TEST(f.after(1h) == "");
    BOOST_TEST(f.keys() == "a");
}

BOOST_AUTO_TEST_CASE(a_shorter_max_wait_holds_for_those_who_wait_already)
{
    fixture f(limits_with(1, [](cache_limits& l) { l.max_wait = 1h; }));
    f.want(1, "a"), f.loaded(1);
    f.want(2, "b");
    f.after(10s);
    f.set_limits([](cache_limits& to) { to.max_wait = 5s; });
    BOOST_TEST((f.core.find({"a"}) == std::nullopt)); // on its way out for b
    BOOST_TEST(f.released(1) == "close 1 capacity");
}

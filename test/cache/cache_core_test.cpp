#include "cache/cache_core.hpp"

#include "support/core_text.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

using namespace warmd;
using namespace std::chrono_literals;
using test::text;

namespace {

std::shared_ptr<const resolved_model> model(const std::string& key, const std::string& files,
                                            std::uint64_t bytes = 1)
{
    return std::make_shared<resolved_model>(
        resolved_model{.spec = {}, .key = {key}, .files = {files}, .estimated_bytes = bytes});
}

/// A core with a clock that stands still until told otherwise, and every event in one word.
struct fixture {
    explicit fixture(std::size_t models, std::uint64_t bytes = 0)
        : fixture([&] {
              cache_limits given;
              given.max_loaded_models = models;
              given.max_loaded_bytes = bytes;
              return given;
          }())
    {
    }
    explicit fixture(const cache_limits& given) : limits(given), core(given) {}
    ~fixture() { BOOST_TEST(core.broken_invariant() == ""); }

    std::string want(waiter_id waiter, const std::string& key, std::uint64_t bytes = 1,
                     const std::string& files = "g1")
    {
        return text(core.acquire(waiter, {.model = model(key, files, bytes)}, now));
    }
    std::string insist(waiter_id waiter, const std::string& key) // an explicit load
    {
        return text(
            core.acquire(waiter, {.model = model(key, "g1", 1), .retry_failed = true}, now));
    }
    std::string want_pinned(waiter_id waiter, const std::string& key)
    {
        return text(core.acquire(waiter, {.model = model(key, "g1", 1), .pin = true}, now));
    }
    std::string loaded(entry_id entry, std::uint64_t bytes = 1)
    {
        return text(core.loaded(entry, footprint{.all = bytes}, now));
    }
    /// A model of `own` bytes besides `base` bytes of weights that all such models share.
    std::string want_adapter(waiter_id waiter, const std::string& key, std::uint64_t own,
                             std::uint64_t base)
    {
        resolved_model made{.spec = {},
                            .key = {key},
                            .files = {"g1"},
                            .estimated_bytes = own + base,
                            .shared_weights = "base",
                            .shared_bytes = base};
        return text(core.acquire(
            waiter, {.model = std::make_shared<resolved_model>(std::move(made))}, now));
    }
    std::string loaded_adapter(entry_id entry, std::uint64_t own, std::uint64_t base)
    {
        return text(core.loaded(entry, footprint{.all = own + base, .shared = base}, now));
    }
    std::string failed(entry_id entry)
    {
        return text(core.loaded(entry, failure{errc::load_failed, "no"}, now));
    }
    std::string released(entry_id entry, std::chrono::nanoseconds keep_alive = 0s)
    {
        return text(core.released(entry, keep_alive, now));
    }
    std::string closed(entry_id entry) { return text(core.closed(entry, now)); }
    std::string abandon(waiter_id waiter) { return text(core.abandon(waiter, now)); }
    std::string unload(const std::string& key)
    {
        left.clear();
        return text(core.unload({key}, now, left));
    }
    std::string pin(const std::string& key, bool on)
    {
        bool found = false;
        const std::string said = text(core.set_pinned({key}, on, now, found));
        return found ? said : "nothing there";
    }
    std::string set_limits(auto&& change)
    {
        change(limits);
        return text(core.set_limits(limits, now));
    }
    std::string renewed(const std::string& key, const std::string& files)
    {
        return text(core.renewed(model(key, files), now));
    }
    std::string after(std::chrono::nanoseconds time)
    {
        now += time;
        return text(core.tick(now));
    }
    /// Asks, loads and gives back: `key` is resident and idle, as the most recently used.
    void use(const std::string& key, std::uint64_t bytes = 1)
    {
        const effects first = core.acquire(1'000'000, {.model = model(key, "g1", bytes)}, now);
        entry_id entry = 0;
        for (const any_effect& each : first) {
            if (const auto* load = std::get_if<effect::load>(&each)) {
                entry = load->entry;
                core.loaded(entry, footprint{.all = bytes}, now);
            } else if (const auto* hit = std::get_if<effect::grant>(&each)) {
                entry = hit->entry;
            }
        }
        BOOST_REQUIRE(entry != 0);
        core.released(entry, 0s, now);
    }
    std::string keys() const
    {
        std::string joined;
        for (const cache_key& key : core.ready_keys())
            joined += (joined.empty() ? "" : " ") + key.text;
        return joined;
    }
    entry_state state(const std::string& key) const { return core.find({key}).value().state; }

    cache_limits limits;
    cache_core core;
    time_point now = time_point() + 1h;
    std::vector<entry_id> left;
};

cache_limits limits_with(std::size_t models, auto&& change)
{
    cache_limits limits;
    limits.max_loaded_models = models;
    change(limits);
    return limits;
}

} // namespace

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

// -- random events ----------------------------------------------------------

namespace {

/// Plays the shell: keeps its own account of what it was told, and checks every effect against it.
struct random_shell {
    explicit random_shell(std::uint64_t seed) : random(seed), core(limits()) {}

    cache_limits limits()
    {
        cache_limits made;
        models_limit = made.max_loaded_models = 1 + random() % 4;
        made.max_loaded_bytes = random() % 2 ? 0 : 100;
        made.max_waiters = 20;
        made.idle_timeout = random() % 2 ? 0s : 3s;
        made.min_residency = random() % 3 ? 0s : 2s;
        made.load_timeout = 20s;
        made.close_timeout = 20s;
        bytes_limit = made.max_loaded_bytes;
        return made;
    }
    std::size_t pick(std::size_t n) { return static_cast<std::size_t>(random() % n); }
    entry_id any(const std::set<entry_id>& of)
    {
        return *std::next(of.begin(), static_cast<std::ptrdiff_t>(pick(of.size())));
    }

    std::shared_ptr<const resolved_model> any_model()
    {
        resolved_model made{.spec = {},
                            .key = {std::string(1, static_cast<char>('a' + pick(6)))},
                            .files = {pick(20) == 0 ? "new" : "old"},
                            .estimated_bytes = pick(60)};
        if (made.key.text < "c") { // these share their weights
            made.shared_weights = "base " + made.files.text;
            made.shared_bytes = 30;
            made.estimated_bytes += 30;
        }
        return std::make_shared<resolved_model>(std::move(made));
    }
    footprint sized(entry_id entry)
    {
        const std::uint64_t shared =
            core.model_of(entry)->shared_weights.empty() ? 0 : 25 + pick(10);
        return {.all = pick(70) + shared, .shared = shared};
    }

    void apply(const effects& all)
    {
        if (const std::string said = text(all); !said.empty())
            journal += said + '\n';
        for (const any_effect& each : all)
            std::visit([&](const auto& e) { on(e); }, each);
    }
    void on(const effect::load& e)
    {
        BOOST_TEST_REQUIRE(loading.insert(e.entry).second);
        BOOST_TEST_REQUIRE(
            (bytes_limit == 0 || core.stats().charged_bytes <= bytes_limit)); // invariant 7
        BOOST_TEST_REQUIRE(loading.size() + resident.size() + closing.size() <= models_limit);
    }
    void on(const effect::close& e)
    {
        BOOST_TEST_REQUIRE(resident.erase(e.entry) == 1U); // invariant 9
        BOOST_TEST_REQUIRE(leases[e.entry] == 0);          // invariant 6
        closing.insert(e.entry);
    }
    void on(const effect::grant& e)
    {
        BOOST_TEST_REQUIRE(waiting.erase(e.waiter) == 1U); // invariant 5
        BOOST_TEST_REQUIRE(resident.contains(e.entry));
        ++leases[e.entry];
    }
    void on(const effect::refuse& e) { BOOST_TEST_REQUIRE(waiting.erase(e.waiter) == 1U); }
    void on(const effect::overdue&) {}
    void on(const effect::stop_load&) {}
    void on(const effect::gone& e)
    {
        BOOST_TEST_REQUIRE((!loading.contains(e.entry) && !resident.contains(e.entry)));
    }
    void on(const effect::wake& e) { BOOST_TEST_REQUIRE((e.at > time_point())); }
    void on(const effect::moved& e)
    {
        const auto known = states.find(e.entry);
        BOOST_TEST_REQUIRE(
            (e.from == (known == states.end() ? std::nullopt : std::optional(known->second))));
        BOOST_TEST_REQUIRE((e.from != e.to));
        BOOST_TEST_REQUIRE(!e.why.empty());
        if (e.to)
            states[e.entry] = *e.to;
        else
            states.erase(e.entry);
    }
    /// What effect::moved said is what can be seen: each change once, none left out.
    void check_states() const
    {
        std::map<entry_id, entry_state> seen;
        for (const entry_info& each : core.entries())
            seen.emplace(each.id, each.state);
        BOOST_TEST_REQUIRE((states == seen));
    }

    void step()
    {
        now += std::chrono::milliseconds(random() % 50);
        switch (pick(13)) {
        case 0:
        case 1:
        case 2:
        case 3: {
            const waiter_id waiter = next_waiter++;
            waiting.insert(waiter);
            apply(core.acquire(
                waiter, {.model = any_model(), .pin = pick(40) == 0, .retry_failed = pick(5) == 0},
                now));
            break;
        }
        case 4:
            if (!waiting.empty()) {
                const waiter_id waiter = any(waiting);
                waiting.erase(waiter);
                apply(core.abandon(waiter, now));
            }
            break;
        case 5:
        case 6:
            if (!loading.empty()) {
                const entry_id entry = any(loading);
                loading.erase(entry);
                if (pick(4) == 0) {
                    apply(core.loaded(entry, failure{errc::load_failed, "random"}, now));
                } else {
                    resident.insert(entry);
                    apply(core.loaded(entry, sized(entry), now));
                }
            }
            break;
        case 7:
        case 8:
            for (auto& [entry, count] : leases)
                if (count > 0 && pick(2)) {
                    --count;
                    apply(core.released(entry, std::chrono::seconds(pick(5)), now));
                    break;
                }
            break;
        case 9:
            if (!closing.empty()) {
                const entry_id entry = any(closing);
                closing.erase(entry);
                apply(core.closed(entry, now));
            }
            break;
        case 10: {
            std::vector<entry_id> left;
            bool found = false;
            const cache_key key{std::string(1, static_cast<char>('a' + pick(6)))};
            apply(pick(3) ? core.set_pinned(key, pick(3) == 0, now, found)
                          : core.unload(key, now, left));
            break;
        }
        case 11:
            if (pick(10) == 0)
                apply(core.set_limits(limits(), now));
            else if (const entry_id entry = 1 + pick(next_waiter);
                     core.touch(entry, std::chrono::seconds(pick(5)), now))
                BOOST_TEST_REQUIRE(resident.contains(entry));
            break;
        default: now += std::chrono::seconds(pick(8) == 0 ? 15 : 0); apply(core.tick(now));
        }
    }
    /// Everything comes to an end: who waits is answered, what is there is closed.
    void finish()
    {
        apply(core.drain(now));
        BOOST_TEST(waiting.empty());
        for (auto& [entry, count] : leases)
            while (count-- > 0)
                apply(core.released(entry, 0s, now));
        while (!loading.empty()) {
            const entry_id entry = any(loading);
            loading.erase(entry);
            resident.insert(entry);
            apply(core.loaded(entry, sized(entry), now));
        }
        while (!closing.empty()) {
            const entry_id entry = any(closing);
            closing.erase(entry);
            apply(core.closed(entry, now));
        }
        BOOST_TEST(resident.empty());
        BOOST_TEST(core.empty());
    }

    std::mt19937_64 random;
    std::uint64_t bytes_limit = 0;
    std::size_t models_limit = 0;
    cache_core core;
    time_point now = time_point() + 1h;
    waiter_id next_waiter = 1;
    std::set<waiter_id> waiting;
    std::set<entry_id> loading, resident, closing;
    std::map<entry_id, int> leases;
    std::map<entry_id, entry_state> states; // as effect::moved tells
    std::string journal;
};

} // namespace

BOOST_AUTO_TEST_CASE(random_events_keep_the_invariants)
{
    const char* given = std::getenv("WARMD_TEST_SEED");
    const std::uint64_t first = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    constexpr int runs = 100, events = 1'500;
    for (std::uint64_t seed = first; seed != first + runs; ++seed) {
        BOOST_TEST_CONTEXT("WARMD_TEST_SEED=" << seed)
        {
            random_shell shell(seed);
            for (int event = 0; event != events; ++event) {
                shell.step();
                BOOST_TEST_REQUIRE(shell.core.broken_invariant() == "");
            }
            shell.finish();
        }
    }
    BOOST_TEST_MESSAGE("random events: " << runs * events << ", seeds " << first << " to "
                                         << first + runs - 1);
}

BOOST_AUTO_TEST_CASE(every_change_of_state_is_told_once_and_watching_changes_nothing_else)
{
    const auto without_moves = [](const std::string& journal) {
        std::string rest;
        std::istringstream lines(journal);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream parts(line);
            for (std::string part; std::getline(parts, part, ';');)
                if (part.find(" -> ") == std::string::npos)
                    rest += part.substr(part.find_first_not_of(' ')) + '\n';
        }
        return rest;
    };
    for (std::uint64_t seed = 1; seed != 20; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed)
        {
            random_shell watched(seed), alone(seed);
            watched.core.observe(true);
            for (int event = 0; event != 1'500; ++event) {
                watched.step();
                watched.check_states();
                alone.step();
            }
            watched.finish(), alone.finish();
            BOOST_TEST(watched.states.empty());
            BOOST_TEST_REQUIRE(!alone.journal.empty());
            BOOST_TEST(alone.journal.find(" -> ") == std::string::npos);
            BOOST_TEST((without_moves(watched.journal) == without_moves(alone.journal)));
        }
    }
}

BOOST_AUTO_TEST_CASE(who_watches_is_told_the_way_of_an_entry_through_its_states)
{
    fixture f(1);
    f.core.observe(true);
    BOOST_TEST(f.want(1, "a") ==
               "1: none -> waiting requested; 1: waiting -> loading admitted; load 1");
    BOOST_TEST(f.loaded(1) == "1: loading -> ready loaded; grant 1 of 1");
    BOOST_TEST(f.want(2, "b") == "2: none -> waiting requested");
    BOOST_TEST(f.after(11s) == "1: ready -> draining capacity"); // max_wait
    BOOST_TEST(f.released(1) == "1: draining -> closing capacity; close 1 capacity");
    BOOST_TEST(f.closed(1) ==
               "1: closing -> none closed; gone 1; 2: waiting -> loading admitted; load 2");
    BOOST_TEST(f.failed(2) == "refuse 2 load_failed; 2: loading -> failed load_failed");
    BOOST_TEST(f.insist(3, "b") == "2: failed -> none retried; gone 2; 3: none -> waiting "
                                   "requested; 3: waiting -> loading admitted; load 3");
    BOOST_TEST(f.want(4, "c") == "4: none -> waiting requested");
    BOOST_TEST(f.abandon(4) == "4: waiting -> none abandoned; gone 4");
    f.core.observe(false);
    BOOST_TEST(f.loaded(3) == "grant 3 of 3");
}

#pragma once
// A cache_core whose clock stands until it is moved, for the tests of its rules.

#include "cache/cache_core.hpp"

#include "support/core_text.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <sstream>

namespace warmd::test {

using namespace std::chrono_literals;

inline std::shared_ptr<const resolved_model> model(const std::string& key, const std::string& files,
                                                   std::uint64_t bytes = 1)
{
    return std::make_shared<resolved_model>(
        resolved_model{.spec = {}, .key = {key}, .files = {files}, .estimated_bytes = bytes});
}

/// A core with a clock that stands still until told otherwise, and every event in one word.
struct core_fixture {
    explicit core_fixture(std::size_t models, std::uint64_t bytes = 0)
        : core_fixture([&] {
              cache_limits given;
              given.max_loaded_models = models;
              given.max_loaded_bytes = bytes;
              return given;
          }())
    {
    }
    explicit core_fixture(const cache_limits& given) : limits(given), core(given) {}
    ~core_fixture() { BOOST_TEST(core.broken_invariant() == ""); }

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

} // namespace warmd::test

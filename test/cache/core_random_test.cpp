// Random events against the invariants, and what is told to who watches.

#include "support/core_fixture.hpp"

#include <cstdlib>
#include <random>

using namespace warmd;
using namespace std::chrono_literals;
using test::limits_with, test::model, test::text;
using fixture = test::core_fixture;

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
        switch (pick(14)) {
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
        case 12: {
            const auto& some = pick(4) ? resident : loading;
            if (!some.empty())
                apply(core.lost(any(some), failure{errc::backend_failed, "died"}, now));
            break;
        }
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

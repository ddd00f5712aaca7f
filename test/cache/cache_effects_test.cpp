// What the core has decided is performed though there is no memory for it, or no thread takes it:
// whoever waits is answered, no entry stays where it was for ever, and the next request is served.

#include "simulation/manual_executor.hpp"
#include "support/cache_fixture.hpp"

#include <cstdlib>
#include <new>

using namespace warmd;
using fixture = test::cache_fixture;

namespace {

/// How many allocations succeed before one fails; -1: all do.
int allocations_left = -1;

} // namespace

// Not inlined: GCC 12 would see free() of what new returned.
[[gnu::noinline]] void* operator new(std::size_t bytes)
{
    if (allocations_left == 0) {
        allocations_left = -1;
        throw std::bad_alloc();
    }
    if (allocations_left > 0)
        --allocations_left;
    if (void* const made = std::malloc(bytes != 0 ? bytes : 1))
        return made;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* what) noexcept { std::free(what); }
[[gnu::noinline]] void operator delete(void* what, std::size_t) noexcept { std::free(what); }

namespace {

/// A cache whose allocations begin to fail at a certain moment, until the io thread has done what
/// it was about.
struct short_of_memory : fixture {
    using fixture::fixture;

    /// The allocation number `one` after it has been said that a model is being loaded fails; once.
    void fail_load(int one)
    {
        when_logged = [this, one](std::string_view line) {
            if (line.starts_with("loading "))
                fail(one);
        };
    }
    /// After it has become ready, just before those who wait have their leases.
    void fail_grant(int one)
    {
        auto listening =
            start(cache.subscribe(event_filter().set(0), [this, one](const cache_event& happened) {
                if (std::get<event::state>(happened.what).to == entry_state::ready)
                    fail(one);
            }));
        settle();
        listens = std::move(*listening->got);
    }
    void fail(int one)
    {
        if (!std::exchange(armed, true))
            allocations_left = one;
    }
    /// Whether there were so many.
    bool has_failed() const { return failed; }

    void run()
    {
        for (bool ran = true; ran;) {
            io.restart();
            ran = io.poll_one() != 0;
            if (armed && !std::exchange(over, true))
                failed = std::exchange(allocations_left, -1) < 0;
            ran = step(workers) != 0 || ran;
        }
    }

    bool armed = false, over = false, failed = false;
    subscription listens;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_load_that_there_is_no_memory_for_is_answered_and_the_next_one_takes_place)
{
    int failures = 0, one = 0;
    for (bool failed = true; failed; ++one) {
        short_of_memory f;
        f.fail_load(one);
        const auto wanted = f.want("a");
        f.run();
        failed = f.has_failed();
        BOOST_TEST_REQUIRE(wanted->done());
        BOOST_TEST_REQUIRE(wanted->got.has_value());
        failures += !*wanted->got;
        if (!*wanted->got)
            BOOST_TEST((wanted->got->error().code == errc::internal_error ||
                        wanted->got->error().code == errc::load_failed));
        wanted->got.reset();
        f.settle();
        const auto again = f.want("a", {.retry_failed = true});
        f.settle();
        BOOST_TEST_REQUIRE(again->done());
        BOOST_TEST_REQUIRE(again->got->has_value());
    }
    BOOST_TEST(failures >= 3);
    BOOST_TEST_MESSAGE(failures << " of " << one << " allocations that failed were answered");
}

BOOST_AUTO_TEST_CASE(a_lease_that_there_is_no_memory_for_is_answered_and_comes_back)
{
    int failures = 0, one = 0;
    for (bool failed = true; failed; ++one) {
        short_of_memory f(1);
        f.fail_grant(one);
        const auto wanted = f.want("a");
        f.run();
        failed = f.has_failed();
        BOOST_TEST_REQUIRE(wanted->done());
        failures += wanted->got && !*wanted->got;
        wanted->got.reset();
        f.settle();
        f.use("b"); // there is one place only: a has been given back
        BOOST_TEST(f.keys() == "b");
    }
    BOOST_TEST(failures >= 1);
}

BOOST_AUTO_TEST_CASE(a_load_that_no_thread_takes_is_answered_and_the_next_one_takes_place)
{
    test::job_pool loads;
    test::fake_world world;
    const backend_registry registry = world.registry();
    asio::io_context io{1}, workers{1};
    backend_cache cache(io.get_executor(),
                        {loads.get_executor(), workers.get_executor(), workers.get_executor()},
                        registry, fixture::limits(1), logger());
    std::optional<result<backend_lease>> got;
    const auto want = [&] {
        got.reset();
        asio::co_spawn(io, cache.get_or_load(fixture::spec("a"), {.retry_failed = true}),
                       [&](const std::exception_ptr&, result<backend_lease> told) {
                           got.emplace(std::move(told));
                       });
        for (std::size_t ran = 1; ran != 0;) {
            ran = fixture::step(io) + fixture::step(workers);
            for (; loads.size() != 0; ++ran)
                loads.run(0);
        }
    };
    loads.refuse(true);
    want();
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST((got->error().code == errc::internal_error));
    BOOST_TEST(got->error().detail.find("bad_alloc") != std::string::npos);
    BOOST_TEST(cache.broken_invariant() == "");
    loads.refuse(false);
    want();
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(got->has_value());
    got.reset();
    std::optional<bool> drained;
    asio::co_spawn(io, cache.drain(std::chrono::hours(1)),
                   [&](const std::exception_ptr&, bool all) { drained = all; });
    for (std::size_t ran = 1; ran != 0;) {
        ran = fixture::step(io) + fixture::step(workers);
        for (; loads.size() != 0; ++ran)
            loads.run(0);
    }
    BOOST_TEST((drained == true));
}

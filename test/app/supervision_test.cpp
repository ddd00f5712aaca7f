// The watchdog is fed from evidence: a cache that does not answer, or has somebody waiting for
// ever, feeds nothing.

#include "app/supervision.hpp"

#include "support/notify_receiver.hpp"
#include "support/stepping.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

/// An alarm that the test rings.
struct hand_alarm final : alarm {
    explicit hand_alarm(std::function<void()>& ring) : ring_(ring) {}
    void set(time_point, std::function<void()> ring) override { ring_ = std::move(ring); }
    void cancel() override { ring_ = {}; }
    std::function<void()>& ring_;
};

/// A supervised cache; its executor and its workers are stepped by hand, each on its own.
struct fixture {
    fixture() { registry.add("dummy", dummy_loader()); }
    ~fixture()
    {
        supervised.stop();
        asio::co_spawn(cache_io, cache.drain(0s), [](std::exception_ptr, bool) {});
        settle();
    }
    void settle()
    {
        for (int each = 0; each != 8; ++each) {
            test::settle(io);
            test::settle(cache_io);
            test::settle(workers);
        }
    }
    /// The time until the next look goes by, and what comes of it.
    void look()
    {
        now += 5s;
        std::exchange(ring, {})();
        test::settle(io);
    }

    time_point now = std::chrono::steady_clock::now();
    std::function<void()> ring, cache_ring;
    asio::io_context io{1}, cache_io{1}, workers;
    backend_registry registry;
    test::notify_receiver manager;
    time_source cache_time{
        [this] { return now; },
        [this](const asio::any_io_executor&) { return std::make_unique<hand_alarm>(cache_ring); }};
    time_source time{
        [this] { return now; },
        [this](const asio::any_io_executor&) { return std::make_unique<hand_alarm>(ring); }};
    backend_cache cache{
        cache_io.get_executor(),
        worker_executors{workers.get_executor(), workers.get_executor(), workers.get_executor()},
        registry,
        cache_limits{},
        logger(),
        cache_time};
    daemon_info daemon{};
    supervision supervised{cache_io.get_executor(),
                           notify_socket::open(manager.address()).value(),
                           10s,
                           cache,
                           daemon,
                           time};
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_cache_that_answers_feeds_the_watchdog, fixture)
{
    supervised.start();
    BOOST_TEST(manager.next() == "READY=1\nSTATUS=ready");
    for (int each = 0; each != 3; ++each) {
        look();
        settle();
        BOOST_TEST(manager.next().starts_with("WATCHDOG=1\n"));
    }
}

BOOST_FIXTURE_TEST_CASE(a_cache_that_is_stalled_feeds_nothing_until_it_goes_on, fixture)
{
    supervised.start();
    manager.next();
    look(); // the cache's executor is not run
    BOOST_TEST(manager.waiting() == "");
    BOOST_TEST(!ring); // nor will it be asked again before it has answered
    settle();
    BOOST_TEST(manager.next().starts_with("WATCHDOG=1\n"));
    BOOST_TEST(!!ring);
}

BOOST_FIXTURE_TEST_CASE(a_request_that_waits_longer_than_every_deadline_starves_the_watchdog,
                        fixture)
{
    supervised.start();
    manager.next();
    asio::co_spawn(cache_io, cache.get_or_load({.kind = "dummy", .base = "a"}),
                   [](std::exception_ptr, result<backend_lease>) {});
    cache_io.poll(), workers.poll_one(), cache_io.restart(),
        cache_io.poll(); // resolved, wanted, and no worker ever loads it
    now += daemon.limits.max_wait + daemon.limits.close_timeout + daemon.limits.load_timeout;
    look();
    test::settle(cache_io);
    test::settle(io);
    test::settle(cache_io);
    test::settle(io);
    const std::string told = manager.next();
    BOOST_TEST(
        told.starts_with(
            "STATUS=0 models and 1 loading, 1.0 MiB, 1 requests/s; degraded: a request has waited"),
        told);
}

BOOST_FIXTURE_TEST_CASE(without_a_manager_nothing_is_looked_at, fixture)
{
    supervision alone(io.get_executor(), notify_socket(), 0s, cache, daemon, time);
    alone.start();
    BOOST_TEST(!ring);
}

BOOST_FIXTURE_TEST_CASE(once_stopped_it_looks_no_more, fixture)
{
    supervised.start();
    supervised.stop();
    BOOST_TEST(!ring);
}

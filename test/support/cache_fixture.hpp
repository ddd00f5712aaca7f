#pragma once
// A backend_cache on contexts that the test steps by hand.

#include "cache/backend_cache.hpp"

#include "support/fake_backend.hpp"
#include "support/scratch.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <deque>

namespace warmd::test {

using namespace std::chrono_literals;

/// One request under way: what it got, or that it was cancelled.
template <class T>
struct pending {
    std::optional<T> got;
    bool cancelled = false;
    asio::cancellation_signal signal;

    bool done() const { return got.has_value() || cancelled; }
};

/// A cache on two io_contexts that the test steps by hand: `io` for everything serial, `workers`
/// for what may block.
struct cache_fixture {
    explicit cache_fixture(std::size_t models = 2) : cache_fixture(limits(models)) {}
    explicit cache_fixture(const cache_limits& with)
        : cache(io.get_executor(), {ex(), ex(), ex()}, registry, with, log)
    {
        world.on_worker = [this] {
            BOOST_TEST(workers.get_executor().running_in_this_thread()); // invariant 10
            BOOST_TEST(!io.get_executor().running_in_this_thread());
        };
    }
    ~cache_fixture() // invariant 12: it ends because there is no work left
    {
        drain();
        BOOST_TEST((io.stopped() && workers.stopped()));
        const auto lines = [&](const std::string& verb) {
            return std::count_if(world.journal.begin(), world.journal.end(),
                                 [&](const auto& line) { return line.starts_with(verb); });
        };
        BOOST_TEST(lines("close") == lines("destroy")); // invariant 9
    }
    void drain()
    {
        const auto ended = start(cache.drain(1h));
        settle();
        BOOST_TEST((ended->got == true));
    }

    static cache_limits limits(std::size_t models)
    {
        cache_limits made;
        made.max_loaded_models = models;
        made.recheck = 1h;
        made.quiet_files = 0ns; // what a test has just written is loaded at once
        return made;
    }
    asio::any_io_executor ex() { return workers.get_executor(); }

    /// Runs what is ready on one context, then lets it be continued.
    static std::size_t step(asio::io_context& context)
    {
        context.restart();
        return context.poll();
    }
    void step_io() { step(io); }
    void settle()
    {
        for (std::size_t ran = 1, rounds = 0; ran != 0; ++rounds) {
            BOOST_TEST_REQUIRE(rounds < 10'000U); // a hang is a failure
            ran = step(io) + step(workers);
        }
    }

    template <class T>
    std::shared_ptr<pending<T>> start(asio::awaitable<T> what)
    {
        auto under_way = std::make_shared<pending<T>>();
        asio::co_spawn(io, std::move(what),
                       asio::bind_cancellation_slot(under_way->signal.slot(),
                                                    [under_way](std::exception_ptr thrown, T told) {
                                                        if (!thrown)
                                                            under_way->got.emplace(std::move(told));
                                                        else
                                                            under_way->cancelled = is_abort(thrown);
                                                    }));
        return under_way;
    }
    static bool is_abort(const std::exception_ptr& thrown)
    {
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
            return error.code() == asio::error::operation_aborted;
        }
    }
    void cancel(auto& under_way)
    {
        asio::post(io, [&under_way] { under_way->signal.emit(asio::cancellation_type::terminal); });
    }

    static model_spec spec(const std::string& base) { return {.kind = "fake", .base = base}; }
    auto want(const std::string& base, acquire_options options = {})
    {
        return start(cache.get_or_load(spec(base), std::move(options)));
    }
    /// Loaded and idle.
    void use(const std::string& base)
    {
        const auto got = want(base);
        settle();
        BOOST_TEST_REQUIRE(got->got.value().has_value());
        got->got.reset();
        settle();
    }
    std::vector<model_info> models()
    {
        settle();
        std::vector<model_info> rows;
        cache.models(rows);
        return rows;
    }
    std::string keys()
    {
        std::string joined;
        for (const model_info& row : models())
            joined += (joined.empty() ? "" : " ") + row.model->spec.base;
        return joined;
    }

    asio::io_context io{1}, workers{1};
    test::fake_world world;
    backend_registry registry = world.registry();
    std::vector<std::string> warnings;
    bool log_throws = false;
    std::function<void(std::string_view line)> when_logged = [](std::string_view) {};
    logger log{log_level::debug, [this](log_level level, std::string_view line) {
                   if (log_throws)
                       throw std::runtime_error("no log");
                   when_logged(line);
                   if (level >= log_level::warning)
                       warnings.emplace_back(line);
               }};
    backend_cache cache;
};

} // namespace warmd::test

#include "base/handoff.hpp"

#include "support/stepping.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <thread>

using namespace warmd;
using namespace warmd::test;

namespace {

using parcel = std::unique_ptr<std::string>; // move-only, and the sanitizers see it leak

parcel make_parcel(const char* text) { return std::make_unique<std::string>(text); }

asio::awaitable<parcel> take_from(std::shared_ptr<handoff<parcel>> from)
{
    parcel taken = co_await from->take();
    co_return taken;
}

/// One coroutine that takes from one handoff, and what became of it.
struct consumer {
    asio::io_context io{1};
    std::shared_ptr<handoff<parcel>> from = handoff<parcel>::make(io.get_executor());
    asio::cancellation_signal cancel;
    std::string outcome = "waits";
    std::thread::id resumed_on;

    void start()
    {
        asio::dispatch(io, [this] {
            asio::co_spawn(io, take_from(from),
                           asio::bind_cancellation_slot(
                               cancel.slot(), [this](std::exception_ptr thrown, parcel value) {
                                   resumed_on = std::this_thread::get_id();
                                   outcome = thrown ? what(thrown) : *value;
                               }));
        });
        settle(io);
    }

    static std::string what(std::exception_ptr thrown)
    {
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
            return error.code() == asio::error::operation_aborted ? "operation_aborted"
                                                                  : error.what();
        }
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(a_value_delivered_before_the_wait_is_taken_without_one)
{
    consumer c;
    c.from->deliver(make_parcel("early"));
    settle(c.io);
    c.start();
    BOOST_TEST(c.outcome == "early");
    run_to_end(c.io);
}

BOOST_AUTO_TEST_CASE(a_value_delivered_during_the_wait_ends_it)
{
    consumer c;
    c.start();
    BOOST_TEST(c.outcome == "waits");
    c.from->deliver(make_parcel("late"));
    run_to_end(c.io);
    BOOST_TEST(c.outcome == "late");
}

BOOST_AUTO_TEST_CASE(the_first_of_two_values_wins)
{
    consumer c;
    c.start();
    c.from->deliver(make_parcel("first"));
    c.from->deliver(make_parcel("second"));
    run_to_end(c.io);
    BOOST_TEST(c.outcome == "first");
}

BOOST_AUTO_TEST_CASE(a_value_delivered_after_the_first_was_taken_is_dropped)
{
    consumer c;
    c.start();
    c.from->deliver(make_parcel("first"));
    settle(c.io);
    c.from->deliver(make_parcel("second"));
    run_to_end(c.io);
    BOOST_TEST(c.outcome == "first");
}

BOOST_AUTO_TEST_CASE(cancelling_the_wait_throws_operation_aborted)
{
    consumer c;
    c.start();
    c.cancel.emit(asio::cancellation_type::terminal);
    run_to_end(c.io);
    BOOST_TEST(c.outcome == "operation_aborted");
}

BOOST_AUTO_TEST_CASE(a_value_that_is_there_wins_over_a_cancellation)
{
    for (const bool cancelled_first : {false, true}) {
        consumer c;
        c.start();
        asio::dispatch(c.io, [&c, cancelled_first] { // both before the coroutine gets to run
            if (cancelled_first)
                c.cancel.emit(asio::cancellation_type::terminal);
            c.from->deliver(make_parcel("value"));
            c.cancel.emit(asio::cancellation_type::terminal);
        });
        run_to_end(c.io);
        BOOST_TEST(c.outcome == "value");
    }
}

BOOST_AUTO_TEST_CASE(a_value_delivered_after_the_cancellation_is_dropped)
{
    consumer c;
    c.start();
    c.cancel.emit(asio::cancellation_type::terminal);
    settle(c.io);
    c.from->deliver(make_parcel("too late"));
    run_to_end(c.io);
    BOOST_TEST(c.outcome == "operation_aborted");
}

BOOST_AUTO_TEST_CASE(delivering_never_resumes_the_coroutine_inside_deliver)
{
    consumer c;
    c.start();
    std::string during;
    asio::dispatch(c.io, [&] {
        c.from->deliver(make_parcel("value"));
        during = c.outcome;
    });
    run_to_end(c.io);
    BOOST_TEST(during == "waits");
    BOOST_TEST(c.outcome == "value");
}

BOOST_AUTO_TEST_CASE(a_value_from_another_thread_resumes_the_coroutine_on_its_own)
{
    consumer c;
    c.start();
    std::thread other([from = c.from] { from->deliver(make_parcel("abroad")); });
    run_until(c.io, [&] { return c.outcome != "waits"; });
    other.join();
    run_to_end(c.io);
    BOOST_TEST(c.outcome == "abroad");
    BOOST_TEST((c.resumed_on == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(a_value_nobody_takes_dies_with_the_handoff)
{
    asio::io_context io{1};
    auto watched = std::make_shared<int>(1);
    const std::weak_ptr<int> alive = watched;
    auto unused = handoff<std::shared_ptr<int>>::make(io.get_executor());
    unused->deliver(std::move(watched));
    run_to_end(io);
    BOOST_TEST(!alive.expired());
    unused.reset();
    BOOST_TEST(alive.expired());
}

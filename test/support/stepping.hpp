#pragma once
// Running an io_context by hand: time never decides a test, and a hang is a failure.

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>

namespace warmd::test {

/// Longer than anything takes; only a test that hangs ever waits this long.
inline constexpr std::chrono::seconds hang{60};

/// Runs what is ready now, and what becomes ready by that.
inline void settle(boost::asio::io_context& io)
{
    io.restart();
    while (io.poll() != 0)
        io.restart();
}

/// Runs until `done()`.
template <class Done>
void run_until(boost::asio::io_context& io, Done done)
{
    const auto deadline = std::chrono::steady_clock::now() + hang;
    io.restart();
    while (!done()) {
        BOOST_REQUIRE_MESSAGE(io.run_one_until(deadline) != 0,
                              "the context ran out of work, or hangs, before what was waited for");
    }
}

/// Runs until the context has no work left, which it must come to by itself (invariant 12).
inline void run_to_end(boost::asio::io_context& io)
{
    io.restart();
    io.run_for(hang);
    BOOST_REQUIRE_MESSAGE(io.stopped(), "the context still has work");
}

} // namespace warmd::test

#pragma once
// What time it is and who calls when it has come: given to the shells, so that a test or a
// simulation can turn the hands.

#include "base/asio.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace warmd {

using time_point = std::chrono::steady_clock::time_point;

/// Rings once at a time, on the executor it was made for.
class alarm {
public:
    virtual ~alarm() = default; ///< cancels
    /// Calls `ring` at `at`. Replaces what was set before.
    virtual void set(time_point at, std::function<void()> ring) = 0;
    virtual void cancel() = 0;
};

struct time_source {
    std::function<time_point()> now; ///< any thread
    std::function<std::unique_ptr<alarm>(const asio::any_io_executor&)> make_alarm;
};

/// The machine's steady clock and Asio's timers.
time_source real_time();

} // namespace warmd

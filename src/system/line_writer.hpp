#pragma once
// Lines on their way to a descriptor that may be slow, stuck or gone: nobody waits for it.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace warmd {

/// Writes lines from a thread of its own, in order. When more than `max_lines` wait, further ones
/// are dropped, and the line that `about_lost` makes of their number stands in their place once
/// there is room again. Lines that cannot be written (EPIPE, ENOSPC) are dropped as well.
class line_writer {
public:
    using lost_line = std::function<std::string(std::size_t dropped)>;

    /// Keeps a descriptor of its own for what `descriptor` is open on.
    /// Throws std::system_error if the system grants no thread or descriptor.
    line_writer(int descriptor, lost_line about_lost, std::size_t max_lines = 8192);
    ~line_writer(); ///< as end(), at once
    line_writer(const line_writer&) = delete;
    line_writer& operator=(const line_writer&) = delete;

    /// Any thread; never waits for the descriptor. `line` has its '\n'. Dropped after end().
    void push(std::string line);
    /// Lines dropped so far. Any thread.
    std::size_t dropped() const;
    /// Returns once all is written, or when `patience` is over: what is left then is dropped, and a
    /// thread that the system holds in write(2) is left behind. The number of lines dropped so far;
    /// the same again if called again.
    std::size_t end(std::chrono::nanoseconds patience);

private:
    struct state; ///< shared with the thread, which may outlive this object
    std::shared_ptr<state> state_;
    std::thread thread_;
};

} // namespace warmd

#pragma once
// How long nothing has passed on a connection, and how long a frame on it has been under way. A
// read or write costs a count; the clock is asked by those who look.

#include <chrono>
#include <cstdint>
#include <utility>

namespace warmd {

class connection_times {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// A read or write moved something.
    void moved() noexcept { ++moves_; }

    /// Notes what has happened since the last look. `frames`: so many have come whole by now;
    /// `in_use`: the connection does not count as quiet, whatever passes on it; `in_frame`: a frame
    /// has begun and has not ended.
    void look(time_point now, std::uint64_t frames, bool in_use, bool in_frame) noexcept
    {
        if (std::exchange(seen_moves_, moves_) != moves_ || in_use)
            quiet_since_ = now;
        if (std::exchange(seen_frames_, frames) != frames || !in_frame)
            frame_since_ = now;
    }
    /// Whether nothing has passed for as long as `limit`; never if that is 0.
    bool quiet_for(time_point now, std::chrono::nanoseconds limit) const noexcept
    {
        return limit.count() != 0 && now - quiet_since_ >= limit;
    }
    /// Whether one frame has been under way for as long as `limit`; never if that is 0.
    bool in_frame_for(time_point now, std::chrono::nanoseconds limit) const noexcept
    {
        return limit.count() != 0 && now - frame_since_ >= limit;
    }

private:
    std::uint64_t moves_ = 0;
    std::uint64_t seen_moves_ = ~std::uint64_t{0},
                  seen_frames_ = ~std::uint64_t{0}; // at the last look
    time_point quiet_since_, frame_since_;
};

} // namespace warmd

#pragma once
// What is counted since the start: plain values that those who see an event add to. The methods
// `metrics` and `stats` tell them.

#include <warmd/error.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// How values spread: how many were at most each of fixed bounds. Any thread; never blocks.
class histogram {
public:
    static constexpr std::size_t most_bounds = 15;

    /// REQUIRES: ascending, at most most_bounds of them, and they outlive this.
    explicit histogram(std::span<const double> bounds) : bounds_(bounds) {}

    void add(double value) noexcept;
    void add(std::chrono::nanoseconds time) noexcept
    {
        add(std::chrono::duration<double>(time).count());
    }

    struct reading {
        std::span<const double> bounds;
        std::vector<std::uint64_t>
            up_to; ///< values at most bounds[i]; one more at the end: all values
        double sum = 0;
    };
    reading read() const;

private:
    std::span<const double> bounds_;
    std::array<std::atomic<std::uint64_t>, most_bounds + 1> in_{}; // (bounds_[i - 1], bounds_[i]]
    std::atomic<double> sum_ = 0;
};

inline constexpr std::array<double, 15> seconds_bounds{.0001, .0003, .001, .003, .01, .03, .1,  .3,
                                                       1,     3,     10,   30,   100, 300, 1000};
inline constexpr std::array<double, 10> age_bounds{
    1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600};
inline constexpr std::array<double, 11> batch_bounds{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
inline constexpr std::array<double, 10> row_bounds{1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
inline constexpr std::array<double, 8> error_bounds{.01, .02, .05, .1, .2, .5, 1, 2};

/// How requests for one method ended.
struct request_counts {
    std::uint64_t ok = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(errc::disconnected) + 1>
        failed{}; ///< by errc

    void add(std::optional<errc> why) noexcept
    {
        ++(why ? failed[static_cast<std::size_t>(*why)] : ok);
    }
};

/// Why a connection was turned away, or closed by the daemon.
struct connection_counts {
    std::uint64_t open = 0, accepted = 0;
    std::uint64_t not_allowed = 0, too_many = 0;                  ///< turned away
    std::uint64_t idle = 0, half_sent_frame = 0, slow_reader = 0; ///< closed
};

/// Fed with events by the parts of the daemon, which share it; atomic where worker threads feed it.
struct metrics {
    // on the executor of the sessions
    /// By method; those that name none of ours stand under "unknown".
    std::map<std::string, request_counts, std::less<>> requests;
    connection_counts connections;
    std::uint64_t in_flight = 0;                  ///< requests under way, on all connections
    histogram strand_lag_seconds{seconds_bounds}; ///< how late the executor does what is due

    // on the cache's executor
    histogram wait_for_room_seconds{
        seconds_bounds}; ///< from the first request for a model to the start of its load
    histogram load_seconds{seconds_bounds};
    histogram close_seconds{seconds_bounds};
    histogram age_at_eviction_seconds{age_bounds}; ///< since the end of the load
    histogram estimate_error_ratio{error_bounds};  ///< |estimated - measured| / measured bytes

    // on worker threads
    histogram queue_seconds{seconds_bounds}; ///< of a call, until its backend takes it
    histogram run_seconds{seconds_bounds};   ///< of a call, from then on
    histogram batch_calls{batch_bounds};     ///< calls handed over together
    std::atomic<std::uint64_t> tokens_in = 0, tokens_out = 0;
    std::atomic<std::uint64_t> kv_bytes = 0; ///< set aside for keys and values under way
    std::atomic<std::uint64_t> answers_remembered =
        0;                                       ///< inputs whose answer was not computed again
    std::atomic<std::uint64_t> answer_bytes = 0; ///< kept for that

    // on the thread that takes steps, see hf/engine
    histogram step_rows{row_bounds};                             ///< tokens of one step
    histogram step_seconds{seconds_bounds};                      ///< of one step
    std::atomic<double> prefill_seconds = 0, decode_seconds = 0; ///< of steps, by their rows
    std::atomic<std::uint64_t> waiting_tokens = 0, waiting_batch_tokens = 0; ///< by priority
    std::atomic<std::uint64_t> prefix_tokens = 0; ///< reused: neither computed nor charged again
    std::atomic<std::uint64_t> prefix_bytes = 0;  ///< kept for that, part of kv_bytes
    std::atomic<std::int64_t> step_since = 0;     ///< steady_clock's count when the step under way
                                                  ///< began; 0: there is none
};

/// For how long the step under way has been computing; nothing: there is none.
inline std::optional<std::chrono::nanoseconds> step_under_way(
    const metrics& counted, std::chrono::steady_clock::time_point now)
{
    using clock = std::chrono::steady_clock;
    const std::int64_t since = counted.step_since.load(std::memory_order_relaxed);
    if (since == 0)
        return {};
    return now - clock::time_point(clock::duration(since));
}

} // namespace warmd

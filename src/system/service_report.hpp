#pragma once
// What a service manager is told, and when: events in, datagrams of sd_notify(3) out. No I/O and no
// clock: events carry the time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warmd {

/// The daemon as its cache describes it. That there is one means that the cache's executor has
/// answered.
struct daemon_look {
    std::size_t models = 0; ///< resident
    std::size_t loading = 0;
    std::uint64_t bytes = 0;    ///< of all of them
    std::uint64_t requests = 0; ///< for models, since the start
    std::size_t leases = 0;
    std::vector<std::string> stuck; ///< by the rule of `health`; empty: nothing is
};

/// Each function is one event and returns the message to send now; "" is none. Not thread-safe.
class service_report {
public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds status_gap{5}; ///< a status line at most this often

    /// `watchdog`: WATCHDOG=1 is due so often; 0: never.
    explicit service_report(std::chrono::nanoseconds watchdog);

    /// How long to wait until the next look.
    std::chrono::nanoseconds interval() const noexcept { return interval_; }

    /// It listens. Feeds the watchdog, whose time begins now.
    std::string listening(time_point now);
    /// The cache answered. The watchdog is fed if that is all there is to say: nothing is stuck,
    /// or, once it is stopping, the deadline for that is still ahead; then more time is asked for,
    /// too.
    std::string looked(const daemon_look& found, time_point now);
    /// Reloads may overlap; the manager sees one, from the first to the end of the last.
    std::string reload_begins(time_point now);
    std::string reload_ended();
    /// It accepts no more, and is gone by `deadline` or has hung.
    std::string stopping(time_point deadline, time_point now);

private:
    std::string status(const daemon_look& found, time_point now);

    std::chrono::nanoseconds watchdog_, interval_;
    time_point fed_{};
    std::optional<time_point> stopping_until_;
    unsigned reloads_ = 0;
    std::string said_; // the last status line
    time_point counted_at_{};
    std::uint64_t counted_ = 0; // requests, by then
};

} // namespace warmd

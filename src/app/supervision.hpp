#pragma once
// Keeps a service manager informed: looks at the cache from time to time and sends what
// service_report makes of it.

#include "system/service_manager.hpp"
#include "system/service_report.hpp"

#include "base/io_thread.hpp"
#include "cache/backend_cache.hpp"
#include "methods/methods.hpp"

namespace warmd {

/// Serial by `io`. Everything given by reference must outlive what is under way on io. Without
/// somebody to notify, it does nothing at all.
class supervision {
public:
    /// `io`: the cache's executor.
    supervision(io_executor io, notify_socket to, std::chrono::nanoseconds watchdog,
                backend_cache& cache, const daemon_info& daemon,
                const time_source& time = real_time());

    /// The daemon listens. From now on looks, until stop().
    void start();
    void reload_begins();
    void reload_ended();
    /// Calls under way have until `deadline`.
    void stopping(std::chrono::nanoseconds deadline);
    void stop();

private:
    void look_later();
    void look();

    const io_executor io_;
    const notify_socket to_;
    service_report report_;
    backend_cache& cache_;
    const daemon_info& daemon_;
    const std::function<time_point()> now_;
    const std::unique_ptr<alarm> alarm_;
    bool stopped_ = false;
};

} // namespace warmd

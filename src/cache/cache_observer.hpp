#pragma once
// Telling of what happens in the cache: log, metrics, and those who listen.

#include "base/metrics.hpp"
#include "cache/backend_lease.hpp"
#include "cache/cache_core.hpp"
#include "cache/event_hub.hpp"
#include <warmd/log.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace warmd {

/// A loader's failure as every waiter is told it: with kind, base and cause.
failure described(failure why, const model_spec& spec);

/// Each member tells of one thing that has happened, and cannot fail: that a log, a listener or
/// memory refuses to take it changes nothing of what has happened, and keeps nobody else from
/// hearing of it.
class cache_observer {
public:
    cache_observer(logger to, std::shared_ptr<metrics> counted)
        : log_(std::move(to)), metrics_(std::move(counted))
    {
    }

    event_hub& listeners() noexcept { return events_; }
    const logger& log() const noexcept { return log_; }
    const std::shared_ptr<metrics>& counted() const noexcept { return metrics_; }

    void loading(const resolved_model& model, std::chrono::nanoseconds waited_for_room) noexcept;
    /// The log is warned, too, if that is more than `max_loaded_bytes`, 0 for no limit.
    void loaded(const residency& what, std::uint64_t max_loaded_bytes) noexcept;
    void load_failed(const residency& what, const failure& why) noexcept;
    void closing(const cache_key& key, evict_reason why, std::chrono::nanoseconds after_load,
                 std::uint64_t calls) noexcept;
    /// `thrown`: by the backend's close(), "" if nothing was.
    void closed(const cache_key& key, std::chrono::nanoseconds took,
                const std::string& thrown) noexcept;
    /// `which`: load or close.
    void lost(const cache_key& key, const failure& why) noexcept;
    void overdue(const cache_key& key, std::string_view which,
                 std::chrono::nanoseconds since) noexcept;
    void moved(const effect::moved& what) noexcept;
    void not_watching(const failure& why) noexcept;

private:
    const logger log_;
    const std::shared_ptr<metrics> metrics_;
    event_hub events_;
};

} // namespace warmd

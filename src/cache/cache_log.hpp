#pragma once
// What the log says of models that come and go.

#include "cache/backend_lease.hpp"
#include "cache/cache_core.hpp"
#include <warmd/log.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace warmd {

/// A loader's failure as every waiter is told it: with kind, base and cause.
failure described(failure why, const model_spec& spec);

/// One line for each thing that happens to a model, with its key and how long it took.
class cache_log {
public:
    explicit cache_log(logger to) : to_(std::move(to)) {}

    void loading(const resolved_model& model) const;
    /// Warns, too, if that is more than `max_loaded_bytes`, 0 for no limit.
    void loaded(const residency& what, std::uint64_t max_loaded_bytes) const;
    void load_failed(const residency& what, const failure& why) const;
    void closing(const cache_key& key, evict_reason why, std::chrono::nanoseconds after_load,
                 std::uint64_t calls) const;
    /// `thrown`: by the backend's close(), "" if nothing was.
    void closed(const cache_key& key, std::chrono::nanoseconds took,
                const std::string& thrown) const;
    /// `which`: load or close.
    void overdue(const cache_key& key, std::string_view which,
                 std::chrono::nanoseconds since) const;
    void not_watching(const failure& why) const;

    const logger& to() const noexcept { return to_; }

private:
    const logger to_;
};

} // namespace warmd

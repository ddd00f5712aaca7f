#include "cache/cache_observer.hpp"

#include <cmath>

namespace warmd {

namespace {

/// What only tells must not keep what is told of from happening.
template <class Function>
void attempt(Function tell) noexcept
{
    try {
        tell();
    } catch (...) { // nobody is left to tell
    }
}

} // namespace

void cache_observer::loading(const resolved_model& model,
                             std::chrono::nanoseconds waited_for_room) noexcept
{
    metrics_->wait_for_room_seconds.add(waited_for_room);
    attempt([&] { log_.loading(model); });
}

void cache_observer::loaded(const residency& what, std::uint64_t max_loaded_bytes) noexcept
{
    metrics_->load_seconds.add(what.load_seconds);
    if (const auto measured = static_cast<double>(what.bytes.all); measured != 0)
        metrics_->estimate_error_ratio.add(
            std::abs(static_cast<double>(what.model->estimated_bytes) / measured - 1));
    attempt([&] { log_.loaded(what, max_loaded_bytes); });
}

void cache_observer::load_failed(const residency& what, const failure& why) noexcept
{
    metrics_->load_seconds.add(what.load_seconds);
    attempt([&] { log_.load_failed(what, why); });
    attempt([&] { events_.tell<event::load_failed>(what.model->key, why.detail, why.cause); });
}

void cache_observer::closing(const cache_key& key, evict_reason why,
                             std::chrono::nanoseconds after_load, std::uint64_t calls) noexcept
{
    metrics_->age_at_eviction_seconds.add(after_load);
    attempt([&] { log_.closing(key, why, after_load, calls); });
    attempt([&] { events_.tell<event::evicted>(key, why); });
}

void cache_observer::closed(const cache_key& key, std::chrono::nanoseconds took,
                            const std::string& thrown) noexcept
{
    metrics_->close_seconds.add(took);
    attempt([&] { log_.closed(key, took, thrown); });
    if (!thrown.empty())
        attempt([&] { events_.tell<event::close_failed>(key, thrown); });
}

void cache_observer::overdue(const cache_key& key, std::string_view which,
                             std::chrono::nanoseconds since) noexcept
{
    attempt([&] { log_.overdue(key, which, since); });
}

void cache_observer::moved(const effect::moved& what) noexcept
{
    attempt([&] { events_.tell<event::state>(what.model->key, what.from, what.to, what.why); });
}

void cache_observer::not_watching(const failure& why) noexcept
{
    attempt([&] { log_.not_watching(why); });
}

} // namespace warmd

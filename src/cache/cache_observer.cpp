#include "cache/cache_observer.hpp"

#include "base/text.hpp"

#include <cmath>

namespace warmd {

namespace {

std::string in_words(const model_spec& spec)
{
    return spec.kind + " model " + spec.base +
           (spec.adapter ? " with adapter " + *spec.adapter : "");
}

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

failure described(failure why, const model_spec& spec)
{
    why.cause = std::move(why.detail);
    why.detail = "loading " + in_words(spec) + " failed: " + why.cause;
    return why;
}

void cache_observer::loading(const resolved_model& model,
                             std::chrono::nanoseconds waited_for_room) noexcept
{
    metrics_->wait_for_room_seconds.add(waited_for_room);
    attempt([&] { log_.info("loading " + in_words(model.spec) + " as " + model.key.text); });
}

void cache_observer::loaded(const residency& what, std::uint64_t max_loaded_bytes) noexcept
{
    metrics_->load_seconds.add(what.load_seconds);
    if (const auto measured = static_cast<double>(what.bytes.all); measured != 0)
        metrics_->estimate_error_ratio.add(
            std::abs(static_cast<double>(what.model->estimated_bytes) / measured - 1));
    attempt([&] {
        const std::string& key = what.model->key.text;
        const std::string bytes = std::to_string(what.bytes.all) + " bytes";
        log_.info("loaded " + key + ": " + bytes + " in " + std::to_string(what.load_seconds) +
                  " s");
        if (max_loaded_bytes != 0 && what.bytes.all > max_loaded_bytes)
            log_.warning(key + " overruns max_loaded_bytes " + std::to_string(max_loaded_bytes) +
                         " with " + bytes + "; the estimate was " +
                         std::to_string(what.model->estimated_bytes));
        for (const std::string& each : what.warnings)
            log_.warning(key + ": " + each);
    });
}

void cache_observer::load_failed(const residency& what, const failure& why) noexcept
{
    metrics_->load_seconds.add(what.load_seconds);
    attempt([&] {
        log_.warning(why.detail + " (" + what.model->key.text + ", after " +
                     std::to_string(what.load_seconds) + " s)");
    });
    attempt([&] { events_.tell<event::load_failed>(what.model->key, why.detail, why.cause); });
}

void cache_observer::closing(const cache_key& key, evict_reason why,
                             std::chrono::nanoseconds after_load, std::uint64_t calls) noexcept
{
    metrics_->age_at_eviction_seconds.add(after_load);
    attempt([&] {
        log_.info("closing " + key.text + ": " + std::string(name(why)) + ", " +
                  seconds_text(after_load) + " after its load, " + std::to_string(calls) +
                  " calls");
    });
    attempt([&] { events_.tell<event::evicted>(key, why); });
}

void cache_observer::closed(const cache_key& key, std::chrono::nanoseconds took,
                            const std::string& thrown) noexcept
{
    metrics_->close_seconds.add(took);
    attempt([&] { log_.debug("closed " + key.text + " in " + seconds_text(took)); });
    if (thrown.empty())
        return;
    attempt([&] { log_.warning("close raised for " + key.text + ": " + thrown); });
    attempt([&] { events_.tell<event::close_failed>(key, thrown); });
}

void cache_observer::lost(const cache_key& key, const failure& why) noexcept
{
    attempt([&] { log_.error("lost " + key.text + ": " + why.detail); });
}

void cache_observer::overdue(const cache_key& key, std::string_view which,
                             std::chrono::nanoseconds since) noexcept
{
    attempt([&] {
        log_.error(key.text + " is overdue: its " + std::string(which) +
                   " has not come back after " + seconds_text(since));
    });
}

void cache_observer::moved(const effect::moved& what) noexcept
{
    attempt([&] { events_.tell<event::state>(what.model->key, what.from, what.to, what.why); });
}

void cache_observer::not_watching(const failure& why) noexcept
{
    attempt([&] {
        log_.warning("model files are not watched for changes but looked at again and again: " +
                     why.detail);
    });
}

} // namespace warmd

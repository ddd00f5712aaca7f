#pragma once
// What happens in the cache, as values for those who watch it (method `subscribe`). Watching
// decides nothing.

#include "cache/cache_core.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace warmd {

namespace event {
/// An entry's state, as `models` shows it, is another. Empty: there is no such entry.
struct state {
    std::optional<entry_state> from, to;
    std::string_view reason; ///< one word of those at cache_core::observe
};
/// A resident model begins to close.
struct evicted {
    evict_reason reason;
};
struct load_failed {
    std::string message, cause; ///< as the waiters are told
};
/// The model is gone all the same.
struct close_failed {
    std::string message;
};
} // namespace event

struct cache_event {
    std::chrono::system_clock::time_point time;
    cache_key key;
    std::variant<event::state, event::evicted, event::load_failed, event::close_failed> what;
};

/// Which types of events are wanted: the places of `cache_event::what`.
using event_filter = std::bitset<std::variant_size_v<decltype(cache_event::what)>>;
/// The types' names, by the same places.
inline constexpr std::array<std::string_view, event_filter().size()> event_names{
    "state", "evicted", "load_failed", "close_failed"};

/// Called on the cache's executor; must not call the cache.
using event_sink = std::function<void(const cache_event&)>;
/// Ends when its last copy goes, on any thread; the sink may be called a few times more until the
/// cache has heard of it.
using subscription = std::shared_ptr<void>;

} // namespace warmd

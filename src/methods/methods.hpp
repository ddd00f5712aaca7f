#pragma once
// The JSON-RPC methods of the daemon: the one place that knows both the wire and the cache. The
// README's "Methods" is their manual.

#include "cache/backend_cache.hpp"
#include "model/config_file.hpp"
#include "model/worker_settings.hpp"
#include "wire/dispatcher.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace warmd {

/// What the methods tell of the daemon around them, and what they may ask of it. Limits and models
/// may change between answers, on the executor of the sessions.
struct daemon_info {
    std::string version;
    time_point started; ///< by the cache's time source
    cache_limits limits;
    request_limits request;
    session_limits connection; ///< fixed since the start, as is the next
    std::size_t max_connections = 0;
    compute_limits compute;         ///< fixed, too
    named_models models;            ///< what a string in place of a ModelSpec stands for
    std::function<bool()> draining; ///< true from the moment shutdown began
    /// Begins the shutdown, without waiting for it. The grace to give calls under way, or the
    /// daemon's own.
    std::function<void(std::optional<std::chrono::nanoseconds> grace)> shut_down;
    /// Reads the configuration file again and applies it; `told` learns what changed, or why
    /// nothing did. `told` may be called at once, and is called even if nobody is interested any
    /// more.
    std::function<void(std::function<void(result<model_changes>)> told)> reload;
    /// Where HTTP is spoken over TCP: "http://127.0.0.1:8080".
    std::function<std::vector<std::string>()> urls = [] { return std::vector<std::string>(); };
    /// The processes that engines run in, and those that are not started for a while.
    std::function<std::vector<worker_status>()> workers = [] {
        return std::vector<worker_status>();
    };
    /// Lines of the log that nobody took, so far.
    std::function<std::size_t()> dropped_log_lines = [] { return std::size_t{0}; };
};

/// Adds every method to `to`.
/// REQUIRES: `cache` and `daemon` outlive every answer, and `daemon`'s functions are set.
void add_methods(dispatcher& to, backend_cache& cache, const daemon_info& daemon);

} // namespace warmd

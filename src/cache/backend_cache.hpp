#pragma once
// The shell around cache_core: feeds it events on one serial executor and performs its effects on
// worker threads.

#include "base/config.hpp"
#include "base/metrics.hpp"
#include "base/time_source.hpp"
#include "cache/backend_lease.hpp"
#include "cache/cache_core.hpp"
#include "cache/cache_event.hpp"
#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace warmd {

/// How far the wait for a model has come ($/progress).
struct load_progress {
    enum class stage {
        queued,
        waiting_for_files, ///< somebody is writing them
        waiting_for_room,
        loading
    } stage = stage::queued;
    std::optional<std::size_t> position;     ///< in the line for room, 1 is next
    std::optional<std::uint64_t> bytes_done; ///< while loading
    std::optional<std::uint64_t> bytes_total;

    friend bool operator==(const load_progress&, const load_progress&) = default;
};

/// What a request wants besides the model.
struct acquire_options {
    std::chrono::nanoseconds keep_alive{
        0};                    ///< stay at least this long after the release; only ever lengthens
    bool retry_failed = false; ///< an explicit load: forget a remembered failure
    bool pin = false;          ///< an explicit load with pin
    std::function<void(const load_progress&)>
        progress; ///< may be empty; called on the cache's executor
};

struct model_knowledge; // model_resolver.hpp

/// Where a spec led when it was touched: next time, if that still holds, nothing need be looked up.
/// For one cache and one spec.
struct touch_hint {
    std::shared_ptr<const model_knowledge> known;
    entry_id entry = 0;
    const residency* found = nullptr; ///< lives as long as `entry`
};

/// Which entries an unload is about.
struct unload_request {
    std::vector<cache_key> keys;
    bool all = false;
    bool wait = true; ///< answer after the closes, not before
};

/// One entry as people see it.
struct model_info {
    std::shared_ptr<const resolved_model> model;
    entry_info entry; ///< state, leases, waiters, bytes, times: cache_core's own account
    double load_seconds = 0;
    std::uint64_t calls = 0;
    std::optional<activity> doing; ///< only from models_at_work(), and of those that are resident
};

/// The worker threads a cache uses. May be one and the same pool, but then slow loads keep calls
/// waiting.
struct worker_executors {
    asio::any_io_executor loads; ///< loading and closing: seconds to minutes
    asio::any_io_executor runs;  ///< calls on loaded models
    /// Resolving specs, looking at files: should take microseconds, and may hang with its file
    /// system (check_threads).
    asio::any_io_executor checks;
};

class cache_shell;

/// Serial by its executor (invariants 1 and 2). Awaitable members may be awaited from any serial
/// executor and resume there; they end with operation_aborted when the caller is cancelled
/// (terminal).
class backend_cache {
public:
    /// How many threads worker_executors::checks should have: two file systems may hang at once.
    static constexpr std::size_t check_threads = 8;

    /// `io`: a serial executor. The registry must outlive the cache; worker threads must be joined
    /// before it goes.
    backend_cache(asio::any_io_executor io, worker_executors workers, const backend_registry&,
                  cache_limits, logger, time_source = real_time(),
                  std::shared_ptr<metrics> counted = std::make_shared<metrics>());
    ~backend_cache();
    backend_cache(const backend_cache&) = delete;
    backend_cache& operator=(const backend_cache&) = delete;

    /// A lease on the backend for `spec`, loading it if need be; concurrent callers for one key
    /// share one load. Cancelling a caller never cancels the load.
    asio::awaitable<result<backend_lease>> get_or_load(model_spec spec,
                                                       acquire_options options = {});
    /// One use of `spec`'s backend that ends at once, as a lease given back as soon as it is
    /// granted, if it is resident and known to be fresh. What is there, until the next call; null:
    /// get_or_load() tells more. `hint`: of an earlier touch of the same spec, or empty. REQUIRES:
    /// called on the cache's executor.
    const residency* touch(const model_spec& spec, std::chrono::nanoseconds keep_alive,
                           touch_hint& hint);
    /// The key `spec` resolves to, whether or not it is resident.
    asio::awaitable<result<cache_key>> find_key(model_spec spec);
    /// Evicts; the keys that were resident. Never counts as use.
    asio::awaitable<result<std::vector<cache_key>>> unload(unload_request what);
    asio::awaitable<result<void>> set_pinned(cache_key key, bool pinned);
    /// From now on these limits hold, for what is resident too (cache_core::set_limits). Any
    /// thread; at once on the cache's executor. REQUIRES: validate(limits) succeeded.
    void set_limits(const cache_limits& limits);
    // What there is now. Observation never counts as use. REQUIRES: called on the cache's executor.
    /// Every entry, least recently used first, in memory that is there already.
    void models(std::vector<model_info>& into) const;
    /// The same, and what each of them is doing: asks the backends.
    std::vector<model_info> models_at_work() const;
    /// What `spec` was found to be when somebody last asked for it, without looking again; null:
    /// nobody has, or it is forgotten.
    std::shared_ptr<const resolved_model> last_known(const model_spec& spec) const;
    cache_stats stats() const;
    /// Takes notice of what the system has to tell of changed files, and says whether it left
    /// something. Whoever serves many requests in one turn calls it before each round of them in
    /// which files_descriptor() is readable, so that they do not find what was there before. Never
    /// blocks. REQUIRES: called on the cache's executor.
    bool look_at_files();
    /// -1 if files are not watched.
    int files_descriptor() const noexcept;
    /// What the times in models() and stats() count from. Any thread.
    time_point now() const;
    /// From now on `sink` is told of every event of the types in `wanted`, in their order, until
    /// the subscription ends.
    asio::awaitable<subscription> subscribe(event_filter wanted, event_sink sink);
    /// Refuses what waits, admits nothing more, closes what is idle and, as leases return, the
    /// rest. True once nothing is left; false if something is after `grace`.
    asio::awaitable<bool> drain(std::chrono::nanoseconds grace);
    /// cache_core::broken_invariant(). REQUIRES: called on the executor of the cache. For tests.
    std::string broken_invariant() const;

private:
    std::shared_ptr<cache_shell> shell_;
};

} // namespace warmd

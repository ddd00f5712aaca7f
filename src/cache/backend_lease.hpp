#pragma once
// A hold on a resident backend.

#include "base/asio.hpp"
#include <warmd/backend.hpp>
#include <warmd/model_spec.hpp>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace warmd {

/// What a lease holder may know of the model it holds.
struct residency {
    std::shared_ptr<const resolved_model> model;
    footprint bytes; ///< measured
    double load_seconds = 0;
    std::vector<std::string> warnings; ///< of the loader, a sentence each
    /// What `load` answers while it is resident: written by methods.cpp, once, on the cache's
    /// executor.
    mutable std::string hit_reply;
};

/// What one call may take, and who is told of it while it runs.
struct call_options {
    std::size_t max_tokens = std::numeric_limits<std::size_t>::max();      ///< as in call
    std::size_t max_reply_bytes = std::numeric_limits<std::size_t>::max(); ///< as in call
    std::function<void(const generated_token&)> on_token; ///< on a worker thread; may be empty
    std::uint64_t origin = 0;                             ///< as in call, and the next two
    call_priority priority = call_priority::interactive;
    bool fresh = false;
};

/// What is made of an outcome, on the worker thread that has it: a large one takes a while.
using outcome_text = std::function<result<std::string>(const outcome&)>;

class hold; // one granted lease, shared by the lease and the jobs that run under it
            // (backend_cache.cpp)

/// Keeps one resident backend from being closed. Move-only; empty by default. The destructor gives
/// it back from any thread; it neither blocks nor throws.
class backend_lease {
public:
    backend_lease() noexcept = default;
    backend_lease(std::shared_ptr<hold> granted, bool cached, bool joined) noexcept;
    backend_lease(backend_lease&&) noexcept = default;
    backend_lease& operator=(backend_lease&&) noexcept = default;

    explicit operator bool() const noexcept { return hold_ != nullptr; }
    /// REQUIRES: not empty (so do the others).
    const residency& what() const noexcept;
    /// True if the model was resident when asked for.
    bool cached() const noexcept { return cached_; }
    /// True if another request's load was shared.
    bool joined() const noexcept { return joined_; }

    /// Queues an operation on the backend's lane and waits for its outcome; resumes on the caller's
    /// executor, which must be serial. If the caller is cancelled (terminal) it resumes at once
    /// with operation_aborted; the job keeps its own share of the hold until it ends, and is asked
    /// to stop.
    asio::awaitable<result<outcome>> run(operation what, call_options how = {});
    /// The same, and what `write` makes of the outcome.
    asio::awaitable<result<std::string>> run(operation what, call_options how, outcome_text write);
    /// The same of many at once: all outcomes, in their order. `done` is told of each as it
    /// ends, on a worker thread; may be empty.
    asio::awaitable<std::vector<result<outcome>>> run_all(std::vector<operation> what,
                                                          call_options how,
                                                          std::function<void(std::size_t)> done);

    /// Runs `job` on a worker thread and waits for its end: what is computed of outcomes, when it
    /// takes a while. What it answers; `internal_error` if it throws. A caller that is cancelled
    /// resumes at once; the job keeps its share of the hold and runs on, so it must own what it
    /// works on.
    asio::awaitable<std::optional<failure>> compute(std::function<std::optional<failure>()> job);

private:
    std::shared_ptr<hold> hold_; // ~hold posts cache_core::released(entry)
    bool cached_ = false;
    bool joined_ = false;
};

} // namespace warmd

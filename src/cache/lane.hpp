#pragma once
// Where one backend lives.

#include "base/asio.hpp"
#include "base/metrics.hpp"
#include <warmd/backend_registry.hpp>

#include <boost/asio/strand.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace warmd {

/// One backend's life: load, then runs, then close and destruction, one at a time and in that order
/// (invariant 3), on worker threads. Loads and closes run on one pool and calls on another, so that
/// slow loads never keep calls waiting; a close first passes through the calls' strand, so it
/// cannot overlap or overtake one whatever the caller's bookkeeping says. Functions given to it are
/// called on a worker thread and must not throw.
class lane : public std::enable_shared_from_this<lane> {
public:
    /// Calls are counted in `to`.
    lane(asio::any_io_executor loads, asio::any_io_executor runs, std::shared_ptr<metrics> to)
        : loads_(std::move(loads)), runs_(std::move(runs)), metrics_(std::move(to))
    {
    }

    /// Makes the backend; `done` gets its measured bytes, or a failure whose detail is the cause:
    /// whatever the loader threw is caught. Called once, first. `how` must outlive the call.
    void load(const loader& how, std::shared_ptr<const resolved_model> model, load_context context,
              std::function<void(result<footprint>)> done);
    /// Queues a call. Calls that queue up while the backend is busy are handed over together. Each
    /// is completed exactly once, whatever the backend does. REQUIRES: the load succeeded.
    void run(call what);
    /// Closes and destroys the backend after every call queued before. `done` gets what close()
    /// threw, or "".
    void close(std::function<void(std::string thrown)> done);

private:
    using clock = std::chrono::steady_clock;
    struct queued {
        call what;
        clock::time_point since;
    };

    void run_pending() noexcept;
    void count(const call& done, const result<outcome>& told, clock::time_point began) noexcept;

    asio::strand<asio::any_io_executor> loads_;
    asio::strand<asio::any_io_executor> runs_;
    std::unique_ptr<backend> backend_; // made on loads_, used on runs_, destroyed on loads_
    std::vector<queued> pending_;      // touched on runs_ only
    const std::shared_ptr<metrics> metrics_;
};

/// What is being thrown, in words. REQUIRES: called in a catch block.
std::string current_exception_text() noexcept;

} // namespace warmd

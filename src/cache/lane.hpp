#pragma once
// Where one backend lives.

#include "base/asio.hpp"
#include "base/metrics.hpp"
#include <warmd/backend_registry.hpp>

#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace warmd {

/// One backend's life: load, then calls, then close and destruction, in that order (invariant 3).
/// Loads and closes run on one pool and what blocks of calls on another, so that slow loads never
/// keep calls waiting. The close waits until every call has been completed and every job of the
/// backend's has ended, so it cannot overlap or overtake one whatever the caller's bookkeeping
/// says. Functions given to it are called on a worker thread and must not throw.
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
    /// What the loader had to say of it. REQUIRES: as close().
    const std::vector<std::string>& warnings() const noexcept { return warnings_; }
    /// Gives the backend a call, and counts it. It is completed exactly once, whatever the backend
    /// does. Any thread. REQUIRES: the load succeeded.
    void submit(call what);
    /// Runs `job`, which must not throw, where the backend's own jobs run: what a holder computes
    /// of answers, when it takes a while. Any thread. REQUIRES: as submit().
    void post(std::function<void()> job);
    /// What the backend is doing; nothing, should it throw. REQUIRES: the load succeeded and
    /// close() has not been called.
    activity now() const noexcept;
    /// Closes and destroys the backend once nothing of it is under way; called once, after the last
    /// submit(). `done` gets what close() threw, or "".
    void close(std::function<void(std::string thrown)> done);

private:
    using clock = std::chrono::steady_clock;
    struct under_way;

    call_worker worker();
    std::shared_ptr<lane> share();
    void let_go() noexcept;

    asio::strand<asio::any_io_executor> loads_;
    asio::any_io_executor runs_;
    std::unique_ptr<backend> backend_;        // made and destroyed on loads_
    std::vector<std::string> warnings_;       // written before load() is done
    std::atomic<std::size_t> held_ = 1;       // shares that are not given back, and 1 until close()
    std::function<void(std::string)> closed_; // set by close()
    const std::shared_ptr<metrics> metrics_;
};

} // namespace warmd

#pragma once
// For backends that block while they compute: what queued up meanwhile is handed to them together.

#include <warmd/backend.hpp>
#include <warmd/backend_registry.hpp>

#include <mutex>
#include <span>
#include <vector>

namespace warmd {

/// A backend that carries out calls in batches, on the worker it is given, one batch at a time.
class batching_backend : public backend {
public:
    void submit(call what) override;
    /// Carries out calls that queued up while it was busy (at least one) and completes each. An
    /// exception means that every call not yet completed failed (backend_failed).
    virtual void run(std::span<call> calls) = 0;

protected:
    explicit batching_backend(call_worker worker) : worker_(std::move(worker)) {}

private:
    void run_pending() noexcept;
    std::vector<call> take_pending();
    void post_next();

    const call_worker worker_;
    std::mutex mutex_;
    bool busy_ = false;         // guarded by mutex_: a job for `pending_` is posted, or runs
    std::vector<call> pending_; // guarded by mutex_
};

} // namespace warmd

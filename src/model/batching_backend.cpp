#include "model/batching_backend.hpp"

#include "base/exception_text.hpp"

#include <utility>

namespace warmd {

void batching_backend::submit(call what)
{
    const std::lock_guard lock(mutex_);
    if (!busy_)
        worker_.post([this] { run_pending(); }); // close() waits for it
    busy_ = true;
    pending_.push_back(std::move(what));
}

/// Calls whose callers have gone are completed, and left out.
std::vector<call> batching_backend::take_pending()
{
    std::vector<call> calls;
    {
        const std::lock_guard lock(mutex_);
        calls.swap(pending_);
    }
    std::erase_if(calls, [](call& each) {
        const bool left = each.stop.stop_requested();
        if (left)
            each.complete(failure{errc::cancelled, "the caller has gone"});
        else if (each.on_start)
            each.on_start();
        return left;
    });
    return calls;
}

/// As a job of its own, so that other backends' get their turn.
void batching_backend::post_next()
{
    const std::lock_guard lock(mutex_);
    busy_ = !pending_.empty();
    if (busy_)
        worker_.post([this] { run_pending(); });
}

void batching_backend::run_pending() noexcept
{
    std::vector<call> calls = take_pending();
    if (worker_.took && !calls.empty())
        worker_.took(calls.size());
    try {
        if (!calls.empty())
            run(calls);
    } catch (...) {
        const std::string why = current_exception_text();
        for (call& each : calls) // of those that are completed, nobody hears it
            each.complete(failure{errc::backend_failed, why});
    }
    calls.clear(); // what was dropped is answered before the next batch
    post_next();
}

} // namespace warmd

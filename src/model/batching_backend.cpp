#include "model/batching_backend.hpp"

#include "base/exception_text.hpp"

#include <utility>

namespace warmd {

void batching_backend::submit(call what)
{
    const std::lock_guard lock(mutex_);
    if (pending_.empty())
        worker_.post([this] { run_pending(); }); // close() waits for these calls, so it is there
    pending_.push_back(std::move(what));
}

void batching_backend::run_pending() noexcept
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
    if (calls.empty())
        return;
    if (worker_.took)
        worker_.took(calls.size());
    try {
        run(calls);
    } catch (...) {
        const std::string why = current_exception_text();
        for (call& each : calls) // of those that are completed, nobody hears it
            each.complete(failure{errc::backend_failed, why});
    }
}

} // namespace warmd

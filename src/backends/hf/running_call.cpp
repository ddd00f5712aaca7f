#include "hf/running_call.hpp"

#include "base/exception_text.hpp"

#include <utility>

namespace warmd::hf {

running_call::running_call(call by, call_surroundings in) : by_(std::move(by)), in_(std::move(in))
{
    ++in_.counts->running;
}

running_call::~running_call()
{
    // Whoever waits for the last may be gone when told: a share of the counts is kept for that.
    const auto counts = in_.counts;
    if (--counts->running == 0)
        counts->running.notify_all();
}

void running_call::complete(result<outcome> answer, std::size_t tokens_in)
{
    by_.complete(std::move(answer), tokens_in);
}

void running_call::take_on(plan what, std::size_t tokens_in, std::size_t sequences)
{
    what_ = std::move(what);
    tokens_in_ = tokens_in;
    left_ = sequences;
    if (sequences != 0)
        return;
    begun();
    finish();
}

void running_call::begun() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(begun_, true))
            return;
    }
    if (by_.on_start)
        by_.on_start();
}

/// The answer is made elsewhere: that may take a while.
void running_call::left(std::optional<failure> why) noexcept
{
    {
        const std::lock_guard lock(mutex_);
        if (why && !why_)
            why_ = std::move(why);
        if (--left_ != 0)
            return;
    }
    try {
        in_.post([self = shared_from_this()] { self->finish(); });
    } catch (...) { // no memory for that
        finish();
    }
}

void running_call::finish() noexcept
{
    if (why_)
        return complete(*why_, tokens_in_);
    try {
        in_.remember(what_);
        complete(what_.finish(), tokens_in_);
    } catch (...) {
        complete(failure{errc::backend_failed, current_exception_text()}, tokens_in_);
    }
}

} // namespace warmd::hf

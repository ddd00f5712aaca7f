#include "cache/lane.hpp"

#include <boost/asio/post.hpp>

#include <malloc.h>

#include <cstdint>
#include <exception>
#include <utility>

namespace warmd {

namespace {

/// Gives freed memory back to the system. The walk over all that is free is worth it for a model,
/// not for less than this. Sanitizers bring an allocator of their own; glibc's is not set up
/// beneath it and must not be walked.
void give_memory_back([[maybe_unused]] std::uint64_t freed) noexcept
{
#ifndef WARMD_SANITIZED
    constexpr std::uint64_t worth_a_walk = 1 << 20;
    if (freed >= worth_a_walk)
        ::malloc_trim(0);
#endif
}

} // namespace

std::string current_exception_text() noexcept
try {
    throw;
} catch (const std::exception& thrown) {
    return thrown.what();
} catch (...) {
    return "an exception of unknown type";
}

void lane::load(const loader& how, std::shared_ptr<const resolved_model> model,
                load_context context, std::function<void(result<footprint>)> done)
{
    const auto attempt = [](lane& self, const loader& by, const resolved_model& what,
                            load_context& with) noexcept {
        try {
            result<std::unique_ptr<backend>> made = by.load(what, with);
            if (!made)
                return result<footprint>(made.error());
            if (!*made)
                return result<footprint>(
                    failure{errc::load_failed, "the loader returned no backend"});
            self.backend_ = std::move(*made);
            return result<footprint>(self.backend_->bytes());
        } catch (...) {
            self.backend_.reset();
            return result<footprint>(failure{errc::load_failed, current_exception_text()});
        }
    };
    asio::post(loads_, [self = shared_from_this(), by = &how, what = std::move(model),
                        with = std::move(context), tell = std::move(done),
                        attempt]() mutable noexcept { tell(attempt(*self, *by, *what, with)); });
}

void lane::run(call what)
{
    asio::post(runs_, [self = shared_from_this(),
                       asked = queued{std::move(what), clock::now()}]() mutable noexcept {
        self->pending_.push_back(std::move(asked));
        if (self->pending_.size() == 1) // behind every call that is queued by now
            asio::post(self->runs_, [self]() noexcept { self->run_pending(); });
    });
}

void lane::run_pending() noexcept
{
    using completion = std::function<void(result<outcome>)>;
    std::vector<call> calls;
    std::vector<completion> open; // emptied as calls are completed
    const clock::time_point began = clock::now();
    for (queued& each : std::exchange(pending_, {})) {
        metrics_->queue_seconds.add(began - each.since);
        if (each.what.stop.stop_requested())
            each.what.complete(failure{errc::cancelled, "the caller has gone"});
        else
            open.push_back(std::exchange(calls.emplace_back(std::move(each.what)).complete, {}));
    }
    for (std::size_t i = 0; i != calls.size(); ++i)
        calls[i].complete = [this, began, &calls, &open, i](result<outcome> told) {
            if (const completion complete = std::exchange(open[i], {})) {
                count(calls[i], told, began); // first, so that who has an answer finds it counted
                complete(std::move(told));
            }
        };
    std::string why = "the backend did not answer";
    try {
        if (!calls.empty()) {
            metrics_->batch_calls.add(static_cast<double>(calls.size()));
            backend_->run(calls);
        }
    } catch (...) {
        why = current_exception_text();
    }
    for (const completion& complete : open)
        if (complete)
            complete(failure{errc::backend_failed, why});
}

void lane::count(const call& done, const result<outcome>& told, clock::time_point began) noexcept
{
    metrics_->run_seconds.add(clock::now() - began);
    metrics_->tokens_in.fetch_add(done.tokens_in, std::memory_order_relaxed);
    if (const auto* const made = told ? std::get_if<generation_result>(&*told) : nullptr)
        metrics_->tokens_out.fetch_add(made->ids.size(), std::memory_order_relaxed);
}

void lane::close(std::function<void(std::string)> done)
{
    const auto end = [](std::unique_ptr<backend> doomed) noexcept {
        std::string thrown;
        std::uint64_t held = 0;
        try {
            held = doomed->bytes().all;
            doomed->close();
        } catch (...) {
            thrown = current_exception_text();
        }
        doomed.reset(); // gone before anybody is told: a load that waited for its room may start at
                        // once
        give_memory_back(held);
        return thrown;
    };
    asio::post(runs_, [self = shared_from_this(), tell = std::move(done), end]() mutable noexcept {
        asio::post(self->loads_, [self, tell = std::move(tell), end]() noexcept {
            tell(end(std::move(self->backend_)));
        });
    });
}

} // namespace warmd

#include "cache/lane.hpp"

#include "base/exception_text.hpp"

#include <boost/asio/post.hpp>

#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <optional>
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
    context.worker = worker();
    asio::post(loads_, [self = shared_from_this(), by = &how, what = std::move(model),
                        with = std::move(context), tell = std::move(done),
                        attempt]() mutable noexcept { tell(attempt(*self, *by, *what, with)); });
}

/// What the metrics are told of one call.
struct lane::account {
    const std::shared_ptr<metrics> to;
    const clock::time_point submitted = clock::now();
    std::optional<clock::time_point> began = {};

    void start()
    {
        began = clock::now();
        to->queue_seconds.add(*began - submitted);
    }
    void end(const result<outcome>& told, std::size_t tokens_in) const
    {
        (began ? to->run_seconds : to->queue_seconds).add(clock::now() - began.value_or(submitted));
        to->tokens_in.fetch_add(tokens_in, std::memory_order_relaxed);
        if (const auto* const made = told ? std::get_if<generation_result>(&*told) : nullptr)
            to->tokens_out.fetch_add(made->ids.size(), std::memory_order_relaxed);
    }
};

void lane::submit(call what)
{
    const auto counted = std::make_shared<account>(account{metrics_});
    what.on_start = [counted] { counted->start(); };
    what.complete = [held = share(), counted, to = std::move(what.complete)](
                        result<outcome> told, std::size_t tokens_in) mutable {
        counted->end(told, tokens_in); // first, so that who has an answer finds it counted
        to(std::move(told), tokens_in);
        held.reset();
    };
    try {
        backend_->submit(std::move(what));
    } catch (...) { // it dropped the call, and that has answered it (completion)
    }
}

activity lane::now() const noexcept
try {
    return backend_->now();
} catch (...) {
    return {};
}

/// Keeps the backend from being closed until the last copy goes.
std::shared_ptr<lane> lane::share()
{
    held_.fetch_add(1, std::memory_order_relaxed);
    return {this, [self = shared_from_this()](lane*) { self->let_go(); }};
}

/// The backend is part of this lane, which is therefore there whenever it posts.
call_worker lane::worker()
{
    const auto post = [this](std::function<void()> job) {
        asio::post(runs_, [held = share(), job = std::move(job)]() mutable noexcept {
            std::exchange(job, {})(); // what it holds goes first
        });
    };
    return {.post = post, .took = [to = metrics_](std::size_t calls) {
                to->batch_calls.add(static_cast<double>(calls));
            }};
}

void lane::close(std::function<void(std::string)> done)
{
    closed_ = std::move(done);
    let_go();
}

/// The last to let go, after close(), closes.
void lane::let_go() noexcept
{
    if (held_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
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
    asio::post(loads_, [self = shared_from_this(), end]() noexcept {
        self->closed_(end(std::move(self->backend_)));
    });
}

} // namespace warmd

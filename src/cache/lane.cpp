#include "cache/lane.hpp"

#include "base/exception_text.hpp"
#include "base/spare_memory.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

namespace warmd {

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
            self.warnings_ = std::move(with.warnings);
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

/// One call, from submit() to its answer, and what the metrics are told of it.
struct lane::under_way {
    std::shared_ptr<lane> held; // share()
    completion to;
    std::shared_ptr<metrics> counts;
    clock::time_point submitted = clock::now();
    std::optional<clock::time_point> began = {};

    // Of the thread that submits, and only while it does: whether the backend throws, which drops
    // the call before anybody knows what was thrown.
    const std::thread::id by = std::this_thread::get_id();
    const int exceptions = std::uncaught_exceptions();
    bool submitting = true, dropped = false;
    bool is_thrown_out() const
    {
        return by == std::this_thread::get_id() && submitting &&
               std::uncaught_exceptions() > exceptions;
    }

    void start()
    {
        began = clock::now();
        counts->queue_seconds.add(*began - submitted);
    }
    void end(result<outcome> told, std::size_t tokens_in)
    {
        // First, so that who has an answer finds it counted.
        (began ? counts->run_seconds : counts->queue_seconds)
            .add(clock::now() - began.value_or(submitted));
        counts->tokens_in.fetch_add(tokens_in, std::memory_order_relaxed);
        if (const auto* const made = told ? std::get_if<generation_result>(&*told) : nullptr)
            counts->tokens_out.fetch_add(made->ids.size(), std::memory_order_relaxed);
        to(std::move(told), tokens_in);
        held.reset();
    }
};

void lane::submit(call what)
{
    const auto one = std::make_shared<under_way>(
        under_way{.held = share(), .to = std::move(what.complete), .counts = metrics_});
    what.on_start = [one] { one->start(); };
    what.complete = [one](result<outcome> told, std::size_t tokens_in) {
        if (one->is_thrown_out())
            one->dropped = true;
        else
            one->end(std::move(told), tokens_in);
    };
    try {
        backend_->submit(std::move(what));
        one->submitting = false;
    } catch (...) {
        one->submitting = false;
        if (one->dropped)
            one->end(failure{errc::backend_failed, current_exception_text()}, 0);
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

void lane::post(std::function<void()> job)
{
    asio::post(runs_, [held = share(), what = std::move(job)]() mutable noexcept {
        std::exchange(what, {})(); // what it holds goes first
    });
}

/// The backend is part of this lane, which is therefore there whenever it posts.
call_worker lane::worker()
{
    return {.post = [this](std::function<void()> job) { post(std::move(job)); },
            .took = [to = metrics_](
                        std::size_t calls) { to->batch_calls.add(static_cast<double>(calls)); }};
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
        if (held >= spare_memory::worth_a_walk)
            give_memory_back();
        return thrown;
    };
    asio::post(loads_, [self = shared_from_this(), end]() noexcept {
        self->closed_(end(std::move(self->backend_)));
    });
}

} // namespace warmd

#include "cache/backend_lease.hpp"

#include "base/handoff.hpp"

#include "cache/hold.hpp"

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace warmd {

backend_lease::backend_lease(std::shared_ptr<hold> granted, bool cached, bool joined) noexcept
    : hold_(std::move(granted)), cached_(cached), joined_(joined)
{
}

const residency& backend_lease::what() const noexcept { return hold_->held().what; }

namespace {

/// Asks a job to stop once nobody waits for it: at the latest when the coroutine ends.
struct stop_on_exit {
    std::stop_source source;
    ~stop_on_exit() { source.request_stop(); }
};

/// The completion keeps a share of the hold: the lease goes back only after the job has ended.
void submit(const std::shared_ptr<hold>& under, operation what, call_options how,
            std::stop_token stop, std::function<void(result<outcome>)> complete)
{
    resident& held = under->held();
    held.calls.fetch_add(1, std::memory_order_relaxed);
    held.where->submit({.what = std::move(what),
                        .stop = std::move(stop),
                        .on_start = {},
                        .on_token = std::move(how.on_token),
                        .complete = [under, tell = std::move(complete)](
                                        result<outcome> told) { tell(std::move(told)); },
                        .max_tokens = how.max_tokens,
                        .max_reply_bytes = how.max_reply_bytes,
                        .origin = how.origin,
                        .priority = how.priority,
                        .fresh = how.fresh});
}

std::function<void(result<outcome>)> deliver_to(std::shared_ptr<handoff<result<outcome>>> to)
{
    return [to = std::move(to)](result<outcome> done) { to->deliver(std::move(done)); };
}

std::function<void(result<outcome>)> deliver_to(std::shared_ptr<handoff<result<std::string>>> to,
                                                outcome_text write)
{
    return [to = std::move(to), write = std::move(write)](const result<outcome>& done) {
        to->deliver(done ? write(*done) : result<std::string>(done.error()));
    };
}

} // namespace

asio::awaitable<result<outcome>> backend_lease::run(operation what, call_options how)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto told = handoff<result<outcome>>::make(executor);
    const stop_on_exit stop;
    submit(hold_, std::move(what), std::move(how), stop.source.get_token(), deliver_to(told));
    result<outcome> answer = co_await told->take();
    co_return answer;
}

asio::awaitable<result<std::string>> backend_lease::run(operation what, call_options how,
                                                        outcome_text write)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto told = handoff<result<std::string>>::make(executor);
    const stop_on_exit stop;
    submit(hold_, std::move(what), std::move(how), stop.source.get_token(),
           deliver_to(told, std::move(write)));
    result<std::string> answer = co_await told->take();
    co_return std::move(answer);
}

} // namespace warmd

#include "cache/backend_lease.hpp"

#include "base/exception_text.hpp"
#include "base/handoff.hpp"

#include "cache/hold.hpp"

#include <boost/asio/this_coro.hpp>

#include <mutex>
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

/// Outcomes of several jobs, until the last one is there.
class gathering {
public:
    using outcomes = std::vector<result<outcome>>;

    gathering(std::size_t count, std::shared_ptr<handoff<outcomes>> to)
        : to_(std::move(to)), left_(count),
          told_(count, failure{errc::internal_error, "there is no outcome"})
    {
    }

    void tell(std::size_t place, result<outcome> told)
    {
        const std::lock_guard lock(mutex_);
        told_[place] = std::move(told);
        if (--left_ == 0)
            to_->deliver(std::move(told_));
    }

private:
    const std::shared_ptr<handoff<outcomes>> to_;
    std::mutex mutex_;
    std::size_t left_;
    outcomes told_;
};

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

asio::awaitable<std::vector<result<outcome>>> backend_lease::run_all(
    std::vector<operation> what, call_options how, std::function<void(std::size_t)> done)
{
    if (what.empty())
        co_return gathering::outcomes();
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto told = handoff<gathering::outcomes>::make(executor);
    const auto all = std::make_shared<gathering>(what.size(), told);
    const stop_on_exit stop;
    // On a worker: of thousands, giving them to the backend takes as long as some of their answers.
    hold_->held().where->post([under = hold_, asked = std::move(what), how, all, done,
                               token = stop.source.get_token()]() mutable {
        for (std::size_t i = 0; i != asked.size(); ++i)
            try {
                submit(under, std::move(asked[i]), how, token,
                       [all, i, done](result<outcome> each) {
                           if (done)
                               done(i);
                           all->tell(i, std::move(each));
                       });
            } catch (...) { // there was no memory for it, and nobody has it
                all->tell(i, failure{errc::internal_error, current_exception_text()});
            }
    });
    gathering::outcomes answers = co_await told->take();
    co_return answers;
}

asio::awaitable<std::optional<failure>> backend_lease::compute(
    std::function<std::optional<failure>()> job)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto told = handoff<std::optional<failure>>::make(executor);
    hold_->held().where->post([under = hold_, what = std::move(job), told]() mutable {
        std::optional<failure> why;
        try {
            why = std::exchange(what, {})();
        } catch (...) {
            why = failure{errc::internal_error, current_exception_text()};
        }
        told->deliver(std::move(why));
    });
    std::optional<failure> answer = co_await told->take();
    co_return answer;
}

} // namespace warmd

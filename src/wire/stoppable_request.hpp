#pragma once
// A request in flight, as far as its end goes: who may end it early, and with what answer.

#include "wire/conversation.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace warmd {

/// Stopped by one signal, whoever gives it: its own timeout, its client, or the connection's end.
/// All of it belongs to the conversation's executor, unless derived classes say otherwise.
class stoppable_request : public request_peer,
                          public std::enable_shared_from_this<stoppable_request> {
public:
    unsigned peer_uid() const noexcept override { return peer_.uid; }
    std::uint64_t origin() const noexcept override { return peer_.connection; }

    void set_timeout(std::chrono::nanoseconds limit) override
    {
        if (!running_)
            return;
        if (!deadline_)
            deadline_.emplace(executor_);
        deadline_->expires_after(limit);
        deadline_->async_wait([self = shared_from_this()](error_code ec) {
            // A wait that was cancelled too late reports success: whether the deadline is still
            // there and past tells.
            if (!ec && self->deadline_ &&
                self->deadline_->expiry() <= std::chrono::steady_clock::now())
                self->end_early(failure{errc::timeout,
                                        "the request's timeout passed before there was a result"});
        });
    }

    /// Asks the handler to stop; the first reason given is the answer, unless the handler has a
    /// result all the same.
    void end_early(failure why)
    {
        if (!running_ || reason_)
            return;
        reason_ = std::move(why);
        stop();
    }
    void stop() { stop_.emit(asio::cancellation_type::terminal); }
    asio::cancellation_slot slot() { return stop_.slot(); }
    /// What to answer with, of what the handler ended in.
    result<std::string> answer_for(const std::exception_ptr& thrown, result<std::string> reply,
                                   bool client_has_gone) const;

    /// The handler has ended.
    void end()
    {
        running_ = false;
        deadline_.reset();
    }
    bool running() const { return running_; }

protected:
    explicit stoppable_request(carrier& by) : executor_(by.executor()), peer_(by.peer()) {}

    const io_executor executor_;

private:
    const peer_name peer_;
    bool running_ = true;
    asio::cancellation_signal stop_;
    std::optional<io_timer> deadline_;
    std::optional<failure> reason_;
};

/// busy, if as many requests are under way on all connections as may be.
std::optional<failure> too_many_under_way(const dispatcher& methods, const session_limits& limits);

/// How a handler ended: an exception, or else a reply.
using ended_handler = std::function<void(const std::exception_ptr& thrown, result<std::string>)>;
/// Answers `what`, counted as under way, until `one` is stopped. `ended` is called once on `on`,
/// perhaps within this, and has to count it out. `on` is the executor that runs this.
void run_request(const io_executor& on, const dispatcher& methods, const rpc::request& what,
                 const std::shared_ptr<stoppable_request>& one, const ended_handler& ended);

} // namespace warmd

#pragma once
// What a JSON-RPC conversation keeps of each request in flight, and of each batch.

#include "wire/rpc_conversation.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace warmd {

/// The replies to one batch, sent together when all are there.
struct rpc_conversation::batch {
    std::size_t left = 1;    // requests begun, and reading the rest
    text_queue text;         // "[reply,reply"
    text_queue::place reply; // the begin of the last one, with what stands before it
};

/// One request in flight, and its handler's view of the client. Shared with the handler's helpers
/// on other threads, which may only notify(); the rest belongs to the conversation's executor.
class rpc_conversation::call : public request_peer, public std::enable_shared_from_this<call> {
public:
    using place = std::multimap<std::string, std::shared_ptr<call>>::iterator;

    call(rpc_conversation& owner, const rpc::request& request)
        : owner_(owner.self()), executor_(owner.by_.executor()),
          counts_(owner.dispatcher_.counts_of(request.method)), peer_(owner.by_.peer()),
          id_(request.id ? request.id->value() : nullptr), answered_(!request.notification()),
          batch_(owner.within_)
    {
        rpc::append_id(id_text_, request.id);
        if (owner.log_.enabled(log_level::debug))
            noted_.emplace(
                noted{std::string(request.method), {}, std::chrono::steady_clock::now()});
    }

    const json::value& id() const noexcept override { return id_; }
    unsigned peer_uid() const noexcept override { return peer_.uid; }
    std::uint64_t origin() const noexcept override { return peer_.connection; }

    // On the conversation's executor this runs at once: a notification must not be overtaken by the
    // reply that follows it.
    void notify(std::string_view name, std::string params) override
    {
        asio::dispatch(executor_, [self = shared_from_this(), name = std::string(name),
                                   params = std::move(params)]() mutable {
            self->notify_now(std::move(name), std::move(params));
        });
    }

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

    void about(std::string_view key) override
    {
        if (noted_)
            noted_->key = key;
    }

    bool outlive_reply(std::function<void(std::size_t)> caught_up) override
    {
        const auto owner = owner_.lock();
        if (!owner || !running_ || owner->kept_.size() >= max_kept_peers)
            return false;
        owner->kept_.push_back(shared_from_this());
        kept_ = true;
        caught_up_ = std::move(caught_up);
        return true;
    }

    /// The client reads again.
    void catch_up()
    {
        if (const std::size_t dropped = std::exchange(dropped_, 0); dropped != 0 && caught_up_)
            caught_up_(dropped);
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

    /// The handler has ended.
    void end()
    {
        running_ = false;
        deadline_.reset();
    }
    bool running() const { return running_; }

    bool answered() const { return answered_; }
    request_counts& counts() const { return counts_; }

    /// For the log, kept only if it is to be written.
    struct noted {
        std::string method, key;
        std::chrono::steady_clock::time_point began;
    };
    const std::optional<noted>& what_was_noted() const { return noted_; }
    const std::string& id_text() const { return id_text_; }
    batch* within() const { return batch_.get(); }
    const std::optional<failure>& reason() const { return reason_; }
    asio::cancellation_slot slot() { return stop_.slot(); }

    place among_calls; ///< where it stands while it runs

private:
    void notify_now(std::string name, std::string params)
    {
        const auto owner = owner_.lock();
        if (!owner || !(running_ || kept_))
            return;
        if (owner->out_.begun()) { // what a reply under way brought about comes after it
            asio::post(executor_, [self = shared_from_this(), name = std::move(name),
                                   params = std::move(params)]() mutable {
                self->notify_now(std::move(name), std::move(params));
            });
        } else if (!owner->notify(name, params)) {
            ++dropped_;
        }
    }

    const std::weak_ptr<rpc_conversation> owner_;
    const io_executor executor_;
    request_counts& counts_;
    const peer_name peer_;
    const json::value id_;
    std::string id_text_;
    std::optional<noted> noted_;
    const bool answered_; // false: a notification
    const std::shared_ptr<batch> batch_;

    bool running_ = true;
    bool kept_ = false;                          // notify() has an effect after the reply, too
    std::function<void(std::size_t)> caught_up_; // kept_ only
    std::size_t dropped_ = 0;                    // notifications, since caught_up_ was told
    asio::cancellation_signal stop_;
    std::optional<io_timer> deadline_;
    std::optional<failure> reason_;
};

} // namespace warmd

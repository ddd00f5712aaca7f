#pragma once
// What a JSON-RPC conversation keeps of each request in flight, and of each batch.

#include "wire/rpc_conversation.hpp"
#include "wire/stoppable_request.hpp"

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
class rpc_conversation::call final : public stoppable_request {
public:
    using place = std::multimap<std::string, std::shared_ptr<call>>::iterator;

    call(rpc_conversation& owner, const rpc::request& request)
        : stoppable_request(owner.by_), owner_(owner.self()),
          counts_(owner.dispatcher_.counts_of(request.method)),
          id_(request.id ? request.id->value() : nullptr), answered_(!request.notification()),
          batch_(owner.within_)
    {
        rpc::append_id(id_text_, request.id);
        if (owner.log_.enabled(log_level::debug))
            noted_.emplace(
                noted{std::string(request.method), {}, std::chrono::steady_clock::now()});
    }

    const json::value& id() const noexcept override { return id_; }

    // On the conversation's executor this runs at once: a notification must not be overtaken by the
    // reply that follows it.
    void notify(std::string_view name, std::string params) override
    {
        asio::dispatch(executor_, [self = this_call(), name = std::string(name),
                                   params = std::move(params)]() mutable {
            self->notify_now(std::move(name), std::move(params));
        });
    }

    void chunk(std::string text) override
    {
        notify("$/chunk", R"({"id":)" + id_text_ + R"(,"chunk":)" + std::move(text) + '}');
    }

    void about(std::string_view key) override
    {
        if (noted_)
            noted_->key = key;
    }

    bool outlive_reply(std::function<void(std::size_t)> caught_up) override
    {
        const auto owner = owner_.lock();
        if (!owner || !running() || owner->kept_.size() >= max_kept_peers)
            return false;
        owner->kept_.push_back(this_call());
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

    place among_calls; ///< where it stands while it runs

private:
    std::shared_ptr<call> this_call() { return std::static_pointer_cast<call>(shared_from_this()); }
    void notify_now(std::string name, std::string params)
    {
        const auto owner = owner_.lock();
        if (!owner || !(running() || kept_))
            return;
        if (owner->out_.begun()) { // what a reply under way brought about comes after it
            asio::post(executor_, [self = this_call(), name = std::move(name),
                                   params = std::move(params)]() mutable {
                self->notify_now(std::move(name), std::move(params));
            });
        } else if (!owner->notify(name, params)) {
            ++dropped_;
        }
    }

    const std::weak_ptr<rpc_conversation> owner_;
    request_counts& counts_;
    const json::value id_;
    std::string id_text_;
    std::optional<noted> noted_;
    const bool answered_; // false: a notification
    const std::shared_ptr<batch> batch_;

    bool kept_ = false;                          // notify() has an effect after the reply, too
    std::function<void(std::size_t)> caught_up_; // kept_ only
    std::size_t dropped_ = 0;                    // notifications, since caught_up_ was told
};

} // namespace warmd

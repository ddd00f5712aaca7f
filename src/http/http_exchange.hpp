#pragma once
// What an HTTP conversation keeps of each request that is not answered, and of each call it made.

#include "http/http_conversation.hpp"
#include "wire/stoppable_request.hpp"
#include <warmd/json.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace warmd {

/// A request and, once it is there, its response.
struct http_conversation::exchange {
    /// What could not be read: the last that is answered.
    exchange(std::uint64_t connection, std::uint64_t number)
        : how{.keeps_alive = false, .id = made_id(connection, number)}, asked("unreadable")
    {
    }
    exchange(const http_request& request, std::uint64_t connection, std::uint64_t number)
        : how{.version = request.version(),
              .keeps_alive = request.keep_alive(),
              .head_only = request.method() == beast_http::verb::head,
              .id = id_of(request, connection, number)},
          through_proxy(request.find(beast_http::field::forwarded) != request.end() ||
                        request.find("X-Forwarded-For") != request.end()),
          asked(std::string(request.method_string()) + ' ' + shortened(request.target()))
    {
    }

    bool of_messages() const { return way.route && way.route->takes == http_route::body::messages; }

    bool watches() const { return way.route && way.route->watches; }
    /// The header x-warmd-keep-alive; false: it is no time.
    bool read_keep_alive(const http_request& request);

    http_manner how;
    bool through_proxy = false; // it says who asked, and who is at the other end is the proxy
    std::chrono::nanoseconds keep_alive{0};
    std::string asked; // for the log
    routed way{};
    bool go_on = false;       // no response: "100 Continue"
    bool status_only = false; // of health
    std::optional<http_reply> reply;
    bool streams = false; // the response is made of what it is told ahead of its result
    bool begun = false;   // its first piece has been made: it cannot fail any more but in an event
    bool sending = false; // its head has been written
    std::string pieces;   // that wait for the exchanges before it
    // Of POST /rpc:
    bool is_batch = false;
    std::size_t left = 0; // messages begun, and reading the rest
    std::string text;     // replies so far
    const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();

private:
    static std::string made_id(std::uint64_t connection, std::uint64_t number)
    {
        return std::to_string(connection) + '-' + std::to_string(number);
    }
    /// The client's own if it is fit for a header and a log.
    static std::string id_of(const http_request& request, std::uint64_t connection,
                             std::uint64_t number)
    {
        const std::string_view given = request["x-request-id"];
        const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
        return given.empty() || given.size() > 128 || !std::ranges::all_of(given, printable)
                   ? made_id(connection, number)
                   : std::string(given);
    }
};

/// Seconds, as the parameter keep_alive has them.
inline bool http_conversation::exchange::read_keep_alive(const http_request& request)
{
    constexpr double longest = 1e9; // as of every time in a request: as good as for ever
    const std::string_view said = request["x-warmd-keep-alive"];
    if (said.empty())
        return true;
    double seconds = 0;
    const auto [end, fault] = std::from_chars(said.data(), said.data() + said.size(), seconds);
    if (fault != std::errc() || end != said.data() + said.size() || !(seconds >= 0))
        return false;
    keep_alive = std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::ceil(std::min(seconds, longest) * 1e9)));
    return true;
}

/// A body on its way to be parameters or messages; in the end what that took is given back.
struct http_conversation::reading {
    reading(std::shared_ptr<exchange> one, std::string text)
        : of(std::move(one)), body(std::move(text))
    {
        if (of->of_messages())
            messages.begin(body);
        else
            document.begin(body);
    }
    enum class stage { text, messages, giving_back } at = stage::text;
    const std::shared_ptr<exchange> of;
    const std::string body;
    json_document document; // unless of->of_messages()
    rpc::reader messages;
};

/// One call of a method, and its handler's view of the client: who can be told nothing but the
/// answer, or its pieces.
class http_conversation::call final : public stoppable_request {
public:
    call(http_conversation& owner, std::shared_ptr<exchange> of, const rpc::request& what,
         std::string id_text)
        : stoppable_request(owner.by_), owner_(owner.self()), of_(std::move(of)),
          counts_(owner.dispatcher_.counts_of(what.method)),
          id_(what.id ? what.id->value() : json::value(of_->how.id)),
          notified_(of_->of_messages() && what.notification()), id_text_(std::move(id_text))
    {
    }
    const json::value& id() const noexcept override { return id_; }
    unsigned peer_uid() const noexcept override
    {
        return of_->through_proxy ? peer_name::no_user : stoppable_request::peer_uid();
    }
    std::chrono::nanoseconds keep_alive() const noexcept override { return of_->keep_alive; }
    void notify(std::string_view name, std::string params) override
    {
        if (!of_->watches() || name != "event")
            return;
        asio::dispatch(executor_, [self = shared_from_this(), this, params = std::move(params)] {
            const auto owner = owner_.lock();
            if (owner && (running() || kept_) && !owner->send_watched(*of_, params))
                ++dropped_;
        });
    }
    bool outlive_reply(std::function<void(std::size_t)> caught_up) override
    {
        const auto owner = owner_.lock();
        if (!owner || !running() || !of_->watches() || owner->watching_.size() == most_watching)
            return false;
        owner->watching_.push_back(std::static_pointer_cast<call>(shared_from_this()));
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
    void chunk(std::string text) override
    {
        asio::dispatch(executor_, [self = shared_from_this(), this, text = std::move(text)] {
            const auto owner = owner_.lock();
            if (owner && running())
                owner->send_event(*of_, text);
        });
    }

    const std::shared_ptr<exchange>& of() const { return of_; }
    request_counts& counts() const { return counts_; }
    const std::string& id_text() const { return id_text_; }
    bool notified() const { return notified_; } ///< not to be answered

private:
    const std::weak_ptr<http_conversation> owner_;
    const std::shared_ptr<exchange> of_;
    request_counts& counts_;
    const json::value id_;
    const bool notified_;
    const std::string id_text_;

    bool kept_ = false;                          // notify() has an effect after the result, too
    std::function<void(std::size_t)> caught_up_; // kept_ only
    std::size_t dropped_ = 0;                    // events, since caught_up_ was told
};

} // namespace warmd

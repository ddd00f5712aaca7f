#pragma once
// Method name -> handler; request -> response. Knows neither sockets nor models.

#include "base/asio.hpp"
#include "base/metrics.hpp"
#include "wire/rpc.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// The client behind one request, as far as a handler needs it. Made by the connection for each
/// request and shared with whatever works on it, so it may outlive the connection: then nothing it
/// does has an effect.
class request_peer {
public:
    virtual ~request_peer() = default;
    /// The request's id; null for a notification.
    virtual const json::value& id() const noexcept = 0;
    /// The user at the other end of the connection (SO_PEERCRED).
    virtual unsigned peer_uid() const noexcept = 0;
    /// The number of the connection, which no other has; 0: it came on none.
    virtual std::uint64_t origin() const noexcept { return 0; }
    /// How long the request's envelope wants its model to stay loaded; its parameters may want
    /// longer.
    virtual std::chrono::nanoseconds keep_alive() const noexcept { return {}; }
    /// Sends a notification unless the reply has been sent or the client has gone. Any thread;
    /// those sent from one thread arrive in order, and before the reply if sent before the handler
    /// returned. `params`: JSON text.
    virtual void notify(std::string_view method, std::string params) = 0;
    /// Sends a piece of what is asked for, JSON text, ahead of the result: as notify() does, each
    /// in its place. Whoever asked has to expect it.
    virtual void chunk(std::string text) = 0;
    /// Ends the request with `timeout` unless it is answered within `limit` from now. Session
    /// executor only.
    virtual void set_timeout(std::chrono::nanoseconds limit) = 0;
    /// For the log: the request is about the model of this key.
    virtual void about(std::string_view key) { (void)key; }
    /// Keeps this peer, and what notify() sends, until the connection's end instead of the
    /// reply's (subscribe): whoever sends holds a weak_ptr, which expires then. `caught_up` is kept
    /// as long: it is told how many of this peer's notifications were dropped for a client that
    /// did not read, once it reads again and before it is sent another. False if the connection
    /// keeps too many. Session executor only.
    virtual bool outlive_reply(std::function<void(std::size_t dropped)> caught_up = {})
    {
        (void)caught_up;
        return false;
    }
};

/// A request whose parameters have been read: called once, with whoever sent it, it answers in its
/// own time. Result: JSON text. Owns all that it works with, so nothing of it ends with the frame
/// that the request stood in. Cancelled by `terminal`, which it lets travel as operation_aborted.
using job = std::function<asio::awaitable<result<std::string>>(std::shared_ptr<request_peer> from)>;

/// How a method is carried out. Both functions run on the connection's serial executor and are
/// given the request's parameters, an object, as it stands in its frame: gone when the function
/// returns.
struct method {
    /// Answers if that takes no waiting: appends the result, JSON text, to `out`. False: it does,
    /// or the answer is a failure; nothing has been done but perhaps for writing to `out`, and
    /// read() will answer. May be empty.
    std::function<bool(const json_node& params, std::string& out)> at_once;
    /// Reads the parameters into a job, or says what is wrong with them. Has no other effect.
    std::function<result<job>(const json_node& params)> read;
};

class dispatcher {
public:
    /// Requests are counted in `to`.
    explicit dispatcher(std::shared_ptr<metrics> to = std::make_shared<metrics>())
        : metrics_(std::move(to))
    {
    }

    /// REQUIRES: called before the first answer(); names are unique.
    void add(std::string name, method how);

    /// Appends the request's result to `out` if its method has one without waiting, and returns
    /// where the caller counts how that ended; else null, and `out` is as it was.
    request_counts* answer_at_once(const rpc::request& request, std::string& out) const;
    /// Reads the request's parameters now, and runs its method once awaited: what `request` refers
    /// to need not live until then. The result is the JSON text of its `result` member. A method
    /// that throws anything but operation_aborted has a bug: internal_error.
    asio::awaitable<result<std::string>> answer(const rpc::request& request,
                                                std::shared_ptr<request_peer> from) const;

    /// Where the caller of answer() counts how that ended. Stays where it is.
    request_counts& counts_of(std::string_view method) const;
    const std::shared_ptr<metrics>& counted() const noexcept { return metrics_; }

private:
    struct named_method {
        std::string name;
        method how;
        request_counts* counts;
    };
    const named_method* find(std::string_view name) const noexcept;
    result<job> read(const rpc::request& request) const;

    const std::shared_ptr<metrics> metrics_;
    std::vector<named_method>
        methods_; // so few that looking through them is faster than hashing a name
};

} // namespace warmd

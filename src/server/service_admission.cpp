// Who connects to a service, and who of them is let in.

#include "server/service_impl.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <unistd.h>

namespace warmd {

namespace {

/// After a failed accept (EMFILE and the like) it would fail again at once: pauses, doubling.
constexpr std::chrono::milliseconds first_pause{100}, longest_pause{1600};

/// One error line into the fresh socket's empty buffer. Its framing is not known yet.
void turn_away(local_socket& connected, const failure& why)
{
    std::string line;
    rpc::append_failure(line, "null", why);
    line += '\n';
    error_code ignored;
    connected.non_blocking(true, ignored);
    connected.write_some(asio::buffer(line), ignored);
}

} // namespace

asio::awaitable<void> service::impl::accept()
{
    while (acceptor_.is_open()) {
        local_socket connected(executor_);
        error_code ec;
        co_await acceptor_.async_accept(connected, asio::redirect_error(asio::use_awaitable, ec));
        if (!acceptor_.is_open())
            co_return;
        if (ec == asio::error::operation_aborted) // the path was bound again
            continue;
        if (!ec) {
            if (std::exchange(deaf_for_, {}).count() != 0)
                log_.info("accepts connections again");
            admit(std::move(connected));
        } else if (ec != asio::error::connection_aborted) {
            pause_.expires_after(next_pause(ec));
            co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        }
    }
}

/// Out of descriptors or memory: said once, until it works again. Who wants to connect waits in the
/// backlog meanwhile.
std::chrono::milliseconds service::impl::next_pause(const error_code& why)
{
    if (deaf_for_.count() == 0)
        log_.error("cannot accept connections: " + why.message() + "; " +
                   std::to_string(connections_.size()) +
                   " are open, others wait until it works again");
    deaf_for_ = std::clamp(2 * deaf_for_, first_pause, longest_pause);
    return deaf_for_;
}

void service::impl::admit(local_socket connected)
{
    const std::optional<peer_identity> peer = peer_of(connected.native_handle());
    if (!peer || !may_talk(config_.access, *peer)) {
        ++counts_.not_allowed;
        const std::string who = peer ? "user " + std::to_string(peer->uid) : "an unknown user";
        if (std::size_t more = 0; refusals_.admits(std::chrono::steady_clock::now(), more))
            log_.warning(
                "turned away " + who +
                (more == 0 ? "" : ", and " + std::to_string(more) + " connections before it"));
        return turn_away(
            connected, failure{errc::permission_denied, who + " may not use this daemon; " +
                                                            who_may_talk(config_.access) + " may"});
    }
    if (const auto why = full())
        return turn_away(connected, *why);
    serve(connected.release(), peer->uid, peer->pid, nullptr);
}

/// busy, if there are as many connections as may be.
std::optional<failure> service::impl::full() const
{
    if (connections_.size() < config_.max_connections)
        return {};
    ++counts_.too_many;
    return failure{.code = errc::busy,
                   .detail = "there are " + std::to_string(connections_.size()) +
                             " connections, as many as max_connections allows",
                   .retry_after_seconds = 1};
}

/// One that is too many is closed without a word: what it says has not been read. Anybody on this
/// machine can connect, so half of the places are not to be had that way.
void service::impl::admit_over_tcp(int socket)
{
    if (open_over_tcp_ >= (config_.max_connections + 1) / 2 || full()) {
        ::close(socket);
        return;
    }
    ++open_over_tcp_;
    serve(socket, peer_name::no_user, 0, &guard_);
}

void service::impl::serve(int socket, unsigned uid, int pid, const http_guard* guard)
{
    ++counts_.accepted;
    ++counts_.open;
    const auto fresh =
        std::make_shared<connection>(executor_, socket, peer_name(uid, pid, counts_.accepted),
                                     poller_, dispatcher_, config_.session, log_, guard);
    if (connections_.empty())
        look_later();
    connections_.insert(fresh);
    fresh->start([self = shared_from_this(), ended = fresh.get(), guarded = guard != nullptr] {
        self->connections_.erase(ended->shared_from_this());
        --self->counts_.open;
        if (guarded)
            --self->open_over_tcp_;
        if (self->connections_.empty()) {
            self->look_->cancel(); // or the executor would not run dry
            asio::post(self->executor_, [self] { self->give_back_what_is_spare(); });
        }
        self->ring_if_ended();
    });
}

} // namespace warmd

#include "server/service.hpp"

#include "base/spare_memory.hpp"
#include "server/connection.hpp"
#include "server/directory_watch.hpp"
#include "server/peer.hpp"
#include "server/socket_path.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

namespace warmd {

namespace {

constexpr int backlog = 4096; // the kernel cuts it to net.core.somaxconn

/// After a failed accept (EMFILE and the like) it would fail again at once: pauses, doubling.
constexpr std::chrono::milliseconds first_pause{100}, longest_pause{1600};

/// How often connections are looked at: a timeout is noticed when at most a quarter more of it has
/// passed.
std::chrono::nanoseconds look_interval(const session_limits& limits)
{
    std::chrono::nanoseconds interval = std::chrono::seconds(1);
    for (const std::chrono::nanoseconds timeout : {limits.idle_timeout, limits.frame_timeout})
        if (timeout.count() != 0)
            interval = std::min(interval, std::max<std::chrono::nanoseconds>(
                                              timeout / 4, std::chrono::milliseconds(1)));
    return interval;
}

/// One error line into the fresh socket's empty buffer. Its framing is not known yet.
void turn_away(connection::socket& connected, const failure& why)
{
    std::string line;
    rpc::append_failure(line, "null", why);
    line += '\n';
    error_code ignored;
    connected.non_blocking(true, ignored);
    connected.write_some(asio::buffer(line), ignored);
}

} // namespace

class service::impl : public std::enable_shared_from_this<impl> {
public:
    impl(io_executor executor, server_config config, const dispatcher& methods, logger log,
         const time_source& time)
        : executor_(executor), counts_(methods.counted()->connections), config_(std::move(config)),
          dispatcher_(methods), log_(std::move(log)), acceptor_(executor),
          poller_(std::make_shared<poller>(executor)), pause_(executor), now_(time.now),
          look_(time.make_alarm(executor)), ended_(executor, io_timer::time_point::max())
    {
    }

    result<void> start();
    void drain();
    void stop();
    asio::awaitable<void> ended();
    std::size_t connections() const { return connections_.size(); }
    void look_first(int descriptor, std::function<bool()> look)
    {
        poller_->look_first(descriptor, std::move(look));
    }
    void on_path_lost(std::function<void(const std::string&)> lost) { lost_ = std::move(lost); }

private:
    using acceptor = asio::basic_socket_acceptor<asio::local::stream_protocol, io_executor>;

    result<void> listen();
    result<void> take_over();
    void watch_path();
    void look_at_path();
    asio::awaitable<void> accept();
    std::chrono::milliseconds next_pause(const error_code& why);
    void admit(connection::socket connected);
    void stop_accepting();
    void ring_if_ended();
    void look_later();
    void look();
    void give_back_what_is_spare();

    const io_executor executor_;
    connection_counts& counts_;
    const server_config config_;
    const dispatcher& dispatcher_;
    const logger log_;

    acceptor acceptor_;
    const std::shared_ptr<poller> poller_; // of all connections
    socket_path path_;
    std::shared_ptr<directory_watch> watch_; // of path_; none if the socket was passed
    std::function<void(const std::string&)> lost_ = [](const std::string&) {};
    io_timer pause_;
    std::chrono::milliseconds deaf_for_{0}; // the last pause, while accepting fails
    refusal_log refusals_;
    bool accepting_ = false; // accept() has not returned
    std::unordered_set<std::shared_ptr<connection>> connections_;
    const std::function<time_point()> now_;
    const std::unique_ptr<alarm> look_; // set while there are connections
    time_point look_due_{};
    spare_memory spare_;
    io_timer ended_; // a bell
};

result<void> service::impl::start()
{
    if (auto valid = validate(config_); !valid)
        return valid;
    if (auto listening = config_.listening_socket < 0 ? listen() : take_over(); !listening)
        return listening;
    accepting_ = true;
    asio::co_spawn(executor_, accept(), [self = shared_from_this()](std::exception_ptr thrown) {
        self->accepting_ = false;
        if (thrown)
            self->log_.error("accepting connections ended with an exception");
        self->ring_if_ended();
    });
    return {};
}

result<void> service::impl::take_over()
{
    error_code ec;
    acceptor_.assign(asio::local::stream_protocol(), config_.listening_socket, ec);
    if (ec)
        return failure{errc::internal_error,
                       "cannot serve on the socket that was passed: " + ec.message()};
    return {};
}

result<void> service::impl::listen()
{
    auto claimed = socket_path::claim(config_.socket_path, config_.access);
    if (!claimed)
        return claimed.error();
    acceptor bound(executor_);
    error_code ec;
    bound.open(asio::local::stream_protocol(), ec);
    if (!ec)
        bound.bind(asio::local::stream_protocol::endpoint(config_.socket_path), ec);
    if (ec)
        return failure{ec == asio::error::access_denied ? errc::permission_denied
                                                        : errc::invalid_params,
                       "cannot bind " + config_.socket_path + ": " + ec.message()};
    if (auto ours = claimed->bound(config_.access); !ours)
        return ours;
    bound.listen(backlog, ec);
    if (ec)
        return failure{errc::internal_error,
                       "cannot listen on " + config_.socket_path + ": " + ec.message()};
    path_ = std::move(*claimed);
    acceptor_ = std::move(bound);
    watch_path();
    return {};
}

/// A cleaner of /tmp or /run may remove what nobody has touched for long, a log-out all of a
/// user's.
void service::impl::watch_path()
{
    if (!watch_)
        watch_ = std::make_shared<directory_watch>(executor_, [self = weak_from_this()] {
            if (const auto here = self.lock())
                here->look_at_path();
        });
    if (const error_code ec = watch_->watch(path_.directory()))
        log_.warning("cannot watch " + path_.directory() + ": " + ec.message() +
                     "; if the socket's file is removed, nobody will notice");
    else
        look_at_path(); // it may have gone before it was watched
}

void service::impl::look_at_path()
{
    if (!acceptor_.is_open() || path_.stands())
        return;
    const std::string was = config_.socket_path + " has been removed or replaced";
    path_.release();
    if (const auto again = listen()) {
        log_.warning(was + "; listening there again");
    } else {
        watch_->close();
        log_.error(was + ", and cannot be had again: " + again.error().detail);
        lost_(was);
    }
}

asio::awaitable<void> service::impl::accept()
{
    while (acceptor_.is_open()) {
        connection::socket connected(executor_);
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

void service::impl::admit(connection::socket connected)
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
    if (connections_.size() >= config_.max_connections) {
        ++counts_.too_many;
        return turn_away(connected,
                         failure{.code = errc::busy,
                                 .detail = "there are " + std::to_string(connections_.size()) +
                                           " connections, as many as max_connections allows",
                                 .retry_after_seconds = 1});
    }
    ++counts_.accepted;
    ++counts_.open;
    const auto fresh = std::make_shared<connection>(
        std::move(connected), peer_name(peer->uid, peer->pid, counts_.accepted), poller_,
        dispatcher_, config_.session, log_);
    if (connections_.empty())
        look_later();
    connections_.insert(fresh);
    fresh->start([self = shared_from_this(), ended = fresh.get()] {
        self->connections_.erase(ended->shared_from_this());
        --self->counts_.open;
        if (self->connections_.empty()) {
            self->look_->cancel(); // or the executor would not run dry
            asio::post(self->executor_, [self] { self->give_back_what_is_spare(); });
        }
        self->ring_if_ended();
    });
}

void service::impl::look_later()
{
    look_due_ = now_() + look_interval(config_.session);
    look_->set(look_due_, [self = shared_from_this()] { self->look(); });
}

/// Finds connections that have been silent for too long, and memory that nobody needs; that it
/// comes late tells how busy the executor is.
void service::impl::look()
{
    const time_point now = now_();
    dispatcher_.counted()->strand_lag_seconds.add(now - look_due_);
    const auto open =
        connections_; // a connection may end, and leave connections_, as soon as it is looked at
    for (const auto& one : open)
        one->look(now);
    give_back_what_is_spare();
    if (!connections_.empty())
        look_later();
}

/// What a burst of requests has freed lies between blocks that are in use.
void service::impl::give_back_what_is_spare()
{
    if (dispatcher_.counted()->in_flight != 0 || !spare_.is_worth_a_walk(resident_bytes()))
        return;
    give_memory_back();
    spare_.walked(resident_bytes());
}

void service::impl::stop_accepting()
{
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    if (watch_)
        watch_->close();
    path_.release();
}

void service::impl::drain()
{
    stop_accepting();
    const auto open =
        connections_; // a connection may end, and leave connections_, as soon as it is told
    for (const auto& one : open)
        one->drain();
    ring_if_ended();
}

void service::impl::stop()
{
    stop_accepting();
    const auto open = connections_;
    for (const auto& one : open)
        one->stop();
    ring_if_ended();
}

asio::awaitable<void> service::impl::ended()
{
    while (acceptor_.is_open() || accepting_ || !connections_.empty()) {
        error_code rung;
        co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, rung));
    }
}

void service::impl::ring_if_ended()
{
    if (!acceptor_.is_open() && !accepting_ && connections_.empty())
        ended_.cancel();
}

service::service(io_executor executor, server_config config, const dispatcher& methods, logger log,
                 time_source time)
    : impl_(std::make_shared<impl>(executor, std::move(config), methods, std::move(log), time))
{
}
service::~service() { impl_->stop(); }
result<void> service::start() { return impl_->start(); }
void service::drain() { impl_->drain(); }
void service::stop() { impl_->stop(); }
asio::awaitable<void> service::ended() { return impl_->ended(); }
void service::look_first(int descriptor, std::function<bool()> look)
{
    impl_->look_first(descriptor, std::move(look));
}
void service::on_path_lost(std::function<void(const std::string&)> lost)
{
    impl_->on_path_lost(std::move(lost));
}
std::size_t service::connections() const { return impl_->connections(); }

} // namespace warmd

#include "server/service_impl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include <unistd.h>

namespace warmd {

namespace {

constexpr int backlog = 4096; // the kernel cuts it to net.core.somaxconn

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

} // namespace

result<void> service::impl::start()
{
    if (auto valid = validate(config_); !valid)
        return valid;
    if (config_.streams) {
        serve_streams();
        return {};
    }
    if (auto listening = listen_on_tcp(); !listening)
        return listening;
    if (auto listening = config_.listening_socket < 0 ? listen() : take_over(); !listening)
        return listening;
    for (const auto& each : over_tcp_)
        each->start();
    accepting_ = true;
    asio::co_spawn(executor_, accept(), [self = shared_from_this()](std::exception_ptr thrown) {
        self->accepting_ = false;
        if (thrown)
            self->log_.error("accepting connections ended with an exception");
        self->ring_if_ended();
    });
    return {};
}

void service::impl::serve_streams()
{
    const auto look = [self = weak_from_this()] {
        if (const auto here = self.lock())
            here->look_at_once_();
    };
    only_ = std::make_shared<stream_session>(executor_, *config_.streams, dispatcher_,
                                             config_.session, log_, look);
    only_->start([self = shared_from_this()] {
        self->only_.reset();
        self->client_gone_();
        self->ring_if_ended();
    });
}

result<void> service::impl::listen_on_tcp()
{
    if (config_.http.any() && config_.http.token.empty())
        return failure{errc::invalid_params, "HTTP over TCP needs a token"};
    for (const int each : config_.http.listening_sockets)
        if (auto listening = one_more_over_tcp().take_over(each); !listening)
            return listening;
    for (const tcp_address& each : config_.http.listen)
        if (auto listening = one_more_over_tcp().listen(each); !listening)
            return listening;
    return {};
}

loopback_listener& service::impl::one_more_over_tcp()
{
    over_tcp_.push_back(
        std::make_shared<loopback_listener>(executor_, log_, [self = weak_from_this()](int socket) {
            if (const auto here = self.lock())
                here->admit_over_tcp(socket);
            else
                ::close(socket);
        }));
    return *over_tcp_.back();
}

std::vector<std::string> service::impl::urls() const
{
    std::vector<std::string> all;
    for (const auto& each : over_tcp_)
        all.push_back(each->url());
    return all;
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
    for (const auto& each : over_tcp_)
        each->close();
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
    if (only_)
        only_->drain();
    ring_if_ended();
}

void service::impl::stop()
{
    stop_accepting();
    const auto open = connections_;
    for (const auto& one : open)
        one->stop();
    if (const auto only = only_)
        only->stop();
    ring_if_ended();
}

asio::awaitable<void> service::impl::ended()
{
    while (acceptor_.is_open() || accepting_ || !connections_.empty() || only_) {
        error_code rung;
        co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, rung));
    }
}

void service::impl::ring_if_ended()
{
    if (!acceptor_.is_open() && !accepting_ && connections_.empty() && !only_)
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
void service::on_client_gone(std::function<void()> gone) { impl_->on_client_gone(std::move(gone)); }
std::size_t service::connections() const { return impl_->connections(); }
std::vector<std::string> service::urls() const { return impl_->urls(); }

} // namespace warmd

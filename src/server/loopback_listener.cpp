#include "server/loopback_listener.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

namespace warmd {

namespace {

using asio::ip::tcp;

/// After a failed accept (EMFILE and the like) it would fail again at once.
constexpr std::chrono::milliseconds pause_after_failure{500};

failure no_loopback_address(const std::string& found)
{
    return {errc::invalid_params,
            found + " is no loopback address (127.0.0.1, [::1]): warmd speaks HTTP to this "
                    "machine only; for others put a proxy with TLS before it (nginx, HAProxy), or "
                    "a tunnel (ssh -L)"};
}

} // namespace

std::optional<tcp_address> parse_tcp_address(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos)
        return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != host.npos)
        return std::nullopt;
    tcp_address read{host == "localhost" ? "127.0.0.1" : std::string(host), 0};
    const char* const end = text.data() + text.size();
    const auto [at, trouble] = std::from_chars(text.data() + colon + 1, end, read.port);
    return host.empty() || trouble != std::errc() || at != end ? std::nullopt
                                                               : std::optional(std::move(read));
}

loopback_listener::loopback_listener(const io_executor& executor, logger log, admission admit)
    : executor_(executor), log_(std::move(log)), admit_(std::move(admit)), acceptor_(executor),
      pause_(executor)
{
}

result<void> loopback_listener::take_over(int listening)
{
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    const bool known = ::getsockname(listening, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
    error_code ec;
    acceptor_.assign(known && bound.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listening, ec);
    const tcp::endpoint where = ec ? tcp::endpoint() : acceptor_.local_endpoint(ec);
    if (!ec && where.address().is_loopback())
        return {};
    if (ec) {
        ::close(listening);
        return failure{errc::invalid_params,
                       "the socket 'http' that was passed cannot be served on: " + ec.message()};
    }
    close();
    return no_loopback_address("the socket 'http' at " + where.address().to_string());
}

result<void> loopback_listener::listen(const tcp_address& where)
{
    error_code ec;
    const auto address = asio::ip::make_address(where.host, ec);
    if (ec || !address.is_loopback())
        return no_loopback_address("--http " + where.host);
    const tcp::endpoint endpoint(address, where.port);
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec)
        acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec)
        acceptor_.bind(endpoint, ec);
    if (!ec)
        acceptor_.listen(tcp::acceptor::max_listen_connections, ec);
    if (!ec)
        return {};
    close();
    return failure{ec == asio::error::access_denied ? errc::permission_denied
                                                    : errc::invalid_params,
                   "cannot listen on " + where.host + " port " + std::to_string(where.port) + ": " +
                       ec.message()};
}

std::string loopback_listener::url() const
{
    error_code ignored;
    const tcp::endpoint where = acceptor_.local_endpoint(ignored);
    const std::string host = where.address().to_string();
    return "http://" + (where.address().is_v6() ? '[' + host + ']' : host) + ':' +
           std::to_string(where.port());
}

void loopback_listener::start()
{
    asio::co_spawn(executor_, accept(), [self = shared_from_this()](const std::exception_ptr& why) {
        if (why)
            self->log_.error("accepting HTTP connections ended with an exception");
    });
}

void loopback_listener::close()
{
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
}

asio::awaitable<void> loopback_listener::accept()
{
    while (acceptor_.is_open()) {
        asio::basic_stream_socket<tcp, io_executor> connected(executor_);
        error_code ec;
        co_await acceptor_.async_accept(connected, asio::redirect_error(asio::use_awaitable, ec));
        if (!acceptor_.is_open())
            co_return;
        if (!ec) {
            connected.set_option(tcp::no_delay(true), ec);
            admit_(connected.release());
        } else if (ec != asio::error::connection_aborted) {
            log_.error("cannot accept HTTP connections: " + ec.message());
            pause_.expires_after(pause_after_failure);
            co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        }
    }
}

} // namespace warmd

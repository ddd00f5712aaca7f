#pragma once
// Listens on TCP, for this machine only.

#include "base/asio.hpp"
#include "base/config.hpp"
#include "base/io_thread.hpp"
#include <warmd/error.hpp>
#include <warmd/log.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace warmd {

/// "127.0.0.1:8080", "[::1]:8080", "localhost:0"; nothing: it is no address and port.
std::optional<tcp_address> parse_tcp_address(std::string_view text);

/// Hands on whoever connects to one address. Everything runs on the executor.
class loopback_listener : public std::enable_shared_from_this<loopback_listener> {
public:
    /// `admit`: takes a connected socket, which is its own from then on.
    using admission = std::function<void(int socket)>;

    loopback_listener(const io_executor& executor, logger log, admission admit);

    /// invalid_params: `where` is no loopback address, or taken; permission_denied: a port that is
    /// for root.
    result<void> listen(const tcp_address& where);
    /// The same of a socket that listens already, and is its own from then on.
    result<void> take_over(int listening);
    void start();
    /// Accepts nobody any more. May be called again.
    void close();
    /// "http://127.0.0.1:8080", with the port that it is.
    std::string url() const;

private:
    asio::awaitable<void> accept();

    const io_executor executor_;
    const logger log_;
    const admission admit_;
    asio::basic_socket_acceptor<asio::ip::tcp, io_executor> acceptor_;
    io_timer pause_;
};

} // namespace warmd

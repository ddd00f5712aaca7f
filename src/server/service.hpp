#pragma once
// The listening socket, the connections it owns, and the order of their end. Knows nothing of
// models.

#include "base/config.hpp"
#include "base/io_thread.hpp"
#include "base/time_source.hpp"
#include "wire/dispatcher.hpp"
#include <warmd/error.hpp>
#include <warmd/log.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace warmd {

/// Listens on one path and serves whoever connects and may (access_rules; by themselves, our own
/// user and root), and on loopback TCP addresses if there are any (http_guard.hpp). Or serves the
/// one client of server_config::streams (stream_session.hpp), and listens nowhere.
///
/// One daemon per path: PATH.lock is held (flock) from start() to drain(). The directory is made
/// 0700 if its parent exists; the socket is 0600, or what the rules say, before anybody can
/// connect, because it does not listen until then. A socket that a service manager passed is served
/// on as it is: path, modes and lock are the manager's.
class service {
public:
    /// The dispatcher must outlive the service, and the service what runs on the executor.
    service(io_executor, server_config, const dispatcher&, logger, time_source = real_time());
    ~service();

    /// When `descriptor` has something to tell, `look` is called before anything that clients have
    /// sent is read: what it finds out holds for every request after it, however busy clients keep
    /// us (poller::look_first). REQUIRES: called before start(), once at most.
    void look_first(int descriptor, std::function<bool()> look);

    /// The socket's file goes: it is bound again if the path can be had. If not, `lost` learns why:
    /// nobody can connect any more, those who have are served on.
    /// REQUIRES: called before start().
    void on_path_lost(std::function<void(const std::string& why)> lost);

    /// The one client of streams has been answered and is gone: `gone` is told once.
    /// REQUIRES: called before start().
    void on_client_gone(std::function<void()> gone);

    /// Binds and listens, or takes the socket that listens already; from then on accepts. Fails if
    /// the path cannot be had, and says why: a bad configuration, another daemon listening (with
    /// its pid), a file that is no socket (never deleted), no directory, no permission.
    result<void> start();
    /// Stops accepting, gives up the path and its lock, drains every connection.
    void drain();
    /// As drain(), but ends every connection now.
    void stop();
    /// Returns once drain() or stop() has been called and no connection is left.
    asio::awaitable<void> ended();

    std::size_t connections() const;
    /// Where HTTP is spoken over TCP, once started: "http://127.0.0.1:8080".
    std::vector<std::string> urls() const;

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

} // namespace warmd

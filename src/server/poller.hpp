#pragma once
// Which of many sockets are ready, at one system call for all of them. Asio's own reactor costs
// each request a read that finds nothing, or an epoll_ctl; here a socket is registered once, and
// its owner reads and writes it directly.

#include "base/asio.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include <sys/epoll.h>

namespace warmd {

/// An epoll instance that is served by an io_context: it keeps the context busy while anybody
/// listens. Serial by its executor.
class poller : public std::enable_shared_from_this<poller> {
public:
    /// Told what its socket is ready for; may remove itself and others.
    class listener {
    public:
        /// `events`: EPOLLIN and the like. Edge-triggered: said once, for what is new.
        virtual void ready(std::uint32_t events) = 0;

    protected:
        ~listener() = default;
    };

    /// Throws boost::system::system_error if there is no epoll instance to be had.
    explicit poller(asio::any_io_executor executor);

    /// From now on `to` is told when `socket` can be read and when the peer hangs up, wholly or its
    /// writing side, and with `writable` when it can be written. REQUIRES: `to` lives until
    /// remove().
    error_code add(int socket, listener& to);
    /// Each time before the sockets are looked at, `look` is called first: what it finds out is
    /// known to whatever they bring. It must not throw.
    void before_each_round(std::function<void()> look) { look_ = std::move(look); }

    void watch_writable(int socket, listener& to, bool writable);
    /// `to` is not told anything any more. REQUIRES: add() succeeded, and `socket` is still open.
    void remove(int socket, listener& to);

private:
    void wait();
    void serve();

    static constexpr int most_at_once = 256;
    asio::posix::stream_descriptor epoll_;
    std::size_t listeners_ = 0;
    bool waiting_ = false;
    std::array<epoll_event, most_at_once> events_{};
    int ready_ = 0; // of events_
    std::function<void()> look_;
};

} // namespace warmd

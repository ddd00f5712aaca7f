#pragma once
// Which of many sockets are ready, at one system call for all of them. Asio's own reactor costs
// each request a read that finds nothing, or an epoll_ctl; here a socket is registered once, and
// its owner reads and writes it directly.

#include "base/io_thread.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include <sys/epoll.h>

namespace warmd {

/// An epoll instance that is served by an io_context: it keeps the context busy while anybody
/// listens.
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
    explicit poller(io_executor executor);

    /// From now on `to` is told when `socket` can be read and when the peer hangs up, wholly or its
    /// writing side, and with `writable` when it can be written. REQUIRES: `to` lives until
    /// remove().
    error_code add(int socket, listener& to);
    /// When `descriptor` has something to tell, `look` is called before any socket of that round:
    /// what it finds out is known to whatever they bring. It reads there, says whether it has left
    /// something, and must not throw. Once at most.
    void look_first(int descriptor, std::function<bool()> look);

    void watch_writable(int socket, listener& to, bool writable);
    /// `to` is not told anything any more. REQUIRES: add() succeeded, and `socket` is still open.
    void remove(int socket, listener& to);

private:
    void wait();
    void serve();
    void look_first_if_told();

    static constexpr int most_at_once = 256;
    io_descriptor epoll_;
    std::size_t listeners_ = 0;
    bool waiting_ = false;
    std::array<epoll_event, most_at_once> events_{};
    int ready_ = 0; // of events_
    std::function<bool()> look_;
    bool look_again_ = false; // whatever the system tells
};

} // namespace warmd

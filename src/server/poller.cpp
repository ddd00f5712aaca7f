#include "server/poller.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cerrno>

namespace warmd {

namespace {

constexpr std::uint32_t always =
    EPOLLIN | EPOLLRDHUP | EPOLLET; // EPOLLHUP and EPOLLERR come unasked

/// A busy poller looks this often for more before the context's other work has its turn.
constexpr int rounds_in_a_row = 8;
constexpr int busy = 4; // so many sockets at once are a sign that there soon are more

error_code last_error() { return {errno, boost::system::system_category()}; }

} // namespace

poller::poller(io_executor executor) : epoll_(executor)
{
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        throw boost::system::system_error(last_error(), "epoll_create1");
    epoll_.assign(fd);
}

error_code poller::add(int socket, listener& to)
{
    epoll_event wanted{};
    wanted.events = always;
    wanted.data.ptr = &to;
    if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket, &wanted) != 0)
        return last_error();
    ++listeners_;
    wait();
    return {};
}

void poller::look_first(int descriptor, std::function<bool()> look)
{
    look_ = std::move(look);
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLET;
    wanted.data.ptr = this;
    look_again_ = ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &wanted) != 0;
}

void poller::watch_writable(int socket, listener& to, bool writable)
{
    epoll_event wanted{};
    wanted.events = writable ? always | EPOLLOUT : always;
    wanted.data.ptr = &to;
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_MOD, socket, &wanted);
}

void poller::remove(int socket, listener& to)
{
    epoll_event ignored{};
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, socket, &ignored);
    for (int i = 0; i != ready_; ++i)
        if (events_[static_cast<std::size_t>(i)].data.ptr == &to)
            events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
    if (--listeners_ == 0)
        epoll_.cancel();
}

void poller::wait()
{
    if (waiting_ || listeners_ == 0)
        return;
    waiting_ = true;
    epoll_.async_wait(io_descriptor::wait_read, [self = shared_from_this()](const error_code& ec) {
        self->waiting_ = false;
        if (!ec)
            self->serve();
        self->wait();
    });
}

void poller::serve()
{
    for (int round = 0; round != rounds_in_a_row; ++round) {
        ready_ = std::max(::epoll_wait(epoll_.native_handle(), events_.data(), most_at_once, 0), 0);
        look_first_if_told();
        const int found = ready_;
        for (int i = 0; i != ready_; ++i)
            if (auto* const each = events_[static_cast<std::size_t>(i)].data.ptr)
                static_cast<listener*>(each)->ready(events_[static_cast<std::size_t>(i)].events);
        ready_ = 0;
        if (found < busy)
            return;
    }
}

/// It may be told of behind so many sockets that it is not among these.
void poller::look_first_if_told()
{
    if (!look_)
        return;
    const auto last = events_.begin() + ready_;
    const auto told = std::find_if(
        events_.begin(), last, [this](const epoll_event& each) { return each.data.ptr == this; });
    if (told == last && ready_ != most_at_once && !look_again_)
        return;
    if (told != last)
        told->data.ptr = nullptr;
    look_again_ = look_();
}

} // namespace warmd

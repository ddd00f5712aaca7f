#include "generator.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <system_error>

namespace warmbench {

namespace {

std::uint64_t now_ns()
{
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

[[noreturn]] void fail(const std::string& what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

int connect_to(const std::string& socket_path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path)
        throw std::runtime_error(socket_path + " is too long for a Unix socket");
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int why = errno;
        ::close(fd);
        errno = why;
        fail("connecting to " + socket_path);
    }
    return fd;
}

// -- replies ------------------------------------------------------------

std::size_t reply_counter::ended_in(std::string_view bytes)
{
    switch (ends_) {
    case reply_end::line: return lines(bytes);
    case reply_end::fixed: return fixed(bytes);
    default: return measured(bytes);
    }
}

std::size_t reply_counter::lines(std::string_view bytes)
{
    std::size_t count = 0;
    for (std::size_t at = 0; (at = bytes.find('\n', at)) != std::string_view::npos; ++at)
        ++count;
    return count;
}

std::size_t reply_counter::fixed(std::string_view bytes)
{
    std::size_t count = 0;
    for (; bytes.size() >= left_; ++count) {
        bytes.remove_prefix(left_);
        left_ = each_;
    }
    left_ -= bytes.size();
    return count;
}

std::size_t reply_counter::measured(std::string_view bytes)
{
    constexpr std::string_view name = "Content-Length: ", end = "\r\n\r\n";
    std::size_t count = 0;
    while (!bytes.empty()) {
        if (left_ == 0) {
            const std::size_t before = header_.size();
            header_.append(bytes.substr(0, 64));
            const std::size_t found = header_.find(end);
            if (found == std::string::npos && header_.size() > 128)
                throw std::runtime_error("a reply without Content-Length");
            if (found == std::string::npos) {
                bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 64));
                continue;
            }
            std::from_chars(header_.data() + name.size(), header_.data() + found, left_);
            bytes.remove_prefix(found + end.size() - before);
            header_.clear();
        }
        const std::size_t part = std::min(left_, bytes.size());
        bytes.remove_prefix(part);
        count += (left_ -= part) == 0;
    }
    return count;
}

// -- connections ------------------------------------------------------------

struct generator::connection {
    connection(int socket, const exchange& what) : fd(socket), replies(what) {}
    ~connection() { ::close(fd); }

    int fd;
    reply_counter replies;
    std::string unsent;
    std::deque<std::uint64_t> sent_at; // of each request in flight, oldest first
};

generator::generator(const std::string& socket_path, exchange what, load_shape shape)
    : what_(std::move(what)), shape_(shape)
{
    for (std::size_t i = 0; i != std::max<std::size_t>(shape_.depth, 1); ++i)
        burst_ += what_.request;
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i != shape_.clients; ++i) {
        auto& made = *connections_.emplace_back(
            std::make_unique<connection>(connect_to(socket_path), what_));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &made;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, made.fd, &event) != 0)
            fail("epoll_ctl");
    }
}

generator::~generator()
{
    connections_.clear();
    ::close(epoll_);
}

void generator::send(connection& to, std::size_t requests, std::uint64_t due)
{
    to.sent_at.insert(to.sent_at.end(), requests, due);
    in_flight_ += requests;
    const std::size_t bytes = requests * what_.request.size();
    std::size_t written = 0;
    if (to.unsent.empty()) {
        const ssize_t n = ::send(to.fd, burst_.data(), bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            fail("sending a request");
        written = n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    to.unsent.append(burst_, written, bytes - written);
}

/// What the server did not take at once; it has read since.
void generator::flush(connection& to)
{
    if (to.unsent.empty())
        return;
    const ssize_t n =
        ::send(to.fd, to.unsent.data(), to.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        to.unsent.erase(0, static_cast<std::size_t>(n));
}

/// How many replies came.
std::size_t generator::receive(connection& from, histogram& latency)
{
    static thread_local std::vector<char> space(1 << 20);
    const ssize_t n = ::recv(from.fd, space.data(), space.size(), MSG_DONTWAIT);
    if (n == 0)
        throw std::runtime_error("the server hung up");
    if (n < 0)
        return 0;
    const std::size_t count = from.replies.ended_in({space.data(), static_cast<std::size_t>(n)});
    const std::uint64_t now = now_ns();
    for (std::size_t i = 0; i != count; ++i) {
        latency.add(now - from.sent_at.front());
        from.sent_at.pop_front();
    }
    in_flight_ -= count;
    flush(from);
    return count;
}

void generator::send_what_is_due(std::uint64_t now, std::uint64_t until)
{
    const auto interval = static_cast<std::uint64_t>(1e9 / shape_.rate);
    for (; next_due_ <= now && next_due_ < until; next_due_ += interval) {
        send(*connections_[next_client_], 1, next_due_);
        next_client_ = (next_client_ + 1) % connections_.size();
    }
}

measured generator::run(std::chrono::nanoseconds time)
{
    const bool open_loop = shape_.rate > 0;
    measured result;
    const std::uint64_t start = now_ns();
    const std::uint64_t until = start + static_cast<std::uint64_t>(time.count());
    next_due_ = start;
    if (!open_loop)
        for (const auto& each : connections_)
            send(*each, shape_.depth, now_ns());
    std::uint64_t now = start;
    std::vector<epoll_event> events(256);
    while (now < until || in_flight_ != 0) {
        if (open_loop)
            send_what_is_due(now, until);
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                       open_loop && now < until ? 0 : 5000);
        now = now_ns();
        if (ready <= 0 && !open_loop)
            throw std::runtime_error("no answer within 5 seconds");
        for (int i = 0; i < ready; ++i) {
            auto& from = *static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            const std::size_t count = receive(from, result.latency);
            if (!open_loop && count != 0 && now < until)
                send(from, count, now_ns());
        }
    }
    result.per_second =
        static_cast<double>(result.latency.total()) * 1e9 / static_cast<double>(now_ns() - start);
    return result;
}

} // namespace warmbench

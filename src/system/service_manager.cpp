#include "system/service_manager.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace warmd {

namespace {

constexpr int first_passed = 3; // SD_LISTEN_FDS_START

std::string system_reason() { return std::generic_category().message(errno); }

/// Takes the variable out of the environment.
std::string taken(const char* name)
{
    const char* value = std::getenv(name);
    std::string text = value ? value : "";
    ::unsetenv(name);
    return text;
}

std::optional<long long> number(const std::string& text)
{
    long long value = 0;
    const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
    return trouble == std::errc() && end == text.data() + text.size() && value >= 0
               ? std::optional(value)
               : std::nullopt;
}

/// A variable that says which process is meant may be that of an ancestor.
bool is_us(const std::string& pid) { return number(pid) == static_cast<long long>(::getpid()); }

int option_of(int socket, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// The path a socket is bound to; "" if it has none.
std::string path_of(int socket)
{
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        size <= offsetof(sockaddr_un, sun_path))
        return {};
    return {address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path)};
}

/// The one socket that was passed, if any. All of them are made close-on-exec, as sd_listen_fds(3)
/// does.
result<std::optional<int>> passed_socket(const std::string& pid, const std::string& count)
{
    const auto sockets = number(count);
    if (!is_us(pid) || !sockets || *sockets == 0)
        return std::nullopt;
    if (*sockets != 1)
        return failure{errc::invalid_params, "the service manager passed " + count +
                                                 " sockets (LISTEN_FDS); warmd serves on one"};
    const auto unfit = [](const std::string& why) {
        return failure{errc::invalid_params,
                       "the socket that the service manager passed cannot be served on: " + why};
    };
    const int flags = ::fcntl(first_passed, F_GETFD);
    if (flags < 0 || ::fcntl(first_passed, F_SETFD, flags | FD_CLOEXEC) != 0)
        return unfit(system_reason());
    if (option_of(first_passed, SO_DOMAIN) != AF_UNIX ||
        option_of(first_passed, SO_TYPE) != SOCK_STREAM ||
        option_of(first_passed, SO_ACCEPTCONN) != 1 || !path_of(first_passed).starts_with('/'))
        return unfit(
            "it is no Unix stream socket that listens at a path (ListenStream=/a/path, Accept=no)");
    return first_passed;
}

} // namespace

result<notify_socket> notify_socket::open(const std::string& address)
{
    const auto unusable = [&](const std::string& why) {
        return failure{errc::invalid_params, "cannot notify the service manager at NOTIFY_SOCKET=" +
                                                 address + ": " + why};
    };
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address.size() < 2 || (address.front() != '/' && address.front() != '@'))
        return unusable("it is neither an absolute path nor an abstract name");
    if (address.size() >= sizeof to.sun_path)
        return unusable("it is too long");
    std::memcpy(to.sun_path, address.data(), address.size());
    if (address.front() == '@')
        to.sun_path[0] = '\0';
    notify_socket made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    if (made.handle_ < 0 ||
        ::connect(made.handle_, reinterpret_cast<const sockaddr*>(&to), size) != 0)
        return unusable(system_reason());
    return made;
}

notify_socket::notify_socket(notify_socket&& other) noexcept
    : handle_(std::exchange(other.handle_, -1))
{
}

notify_socket& notify_socket::operator=(notify_socket&& other) noexcept
{
    std::swap(handle_, other.handle_);
    return *this;
}

notify_socket::~notify_socket()
{
    if (handle_ >= 0)
        ::close(handle_);
}

void notify_socket::send(std::string_view message) const noexcept
{
    if (handle_ >= 0 && !message.empty())
        (void)::send(handle_, message.data(), message.size(), MSG_NOSIGNAL);
}

result<service_manager> service_manager::found()
{
    const std::string address = taken("NOTIFY_SOCKET"), watchdog = taken("WATCHDOG_USEC"),
                      watched = taken("WATCHDOG_PID");
    const std::string pid = taken("LISTEN_PID"), count = taken("LISTEN_FDS");
    taken("LISTEN_FDNAMES");
    service_manager manager;
    auto passed = passed_socket(pid, count);
    if (!passed)
        return passed.error();
    manager.listening = *passed;
    if (*passed)
        manager.socket_path = path_of(**passed);
    if (address.empty())
        return manager;
    auto notify = notify_socket::open(address);
    if (!notify) { // a variable left over from a manager that is gone is no reason not to serve
        manager.deaf = notify.error().detail;
        return manager;
    }
    manager.notify = std::move(*notify);
    if (watched.empty() || is_us(watched))
        manager.watchdog = std::chrono::microseconds(number(watchdog).value_or(0));
    return manager;
}

} // namespace warmd

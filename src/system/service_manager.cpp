#include "system/service_manager.hpp"

#include <algorithm>
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

/// What is unfit about it for the daemon's own socket; "": nothing.
std::string fault_of(int socket)
{
    if (option_of(socket, SO_DOMAIN) != AF_UNIX || option_of(socket, SO_TYPE) != SOCK_STREAM ||
        option_of(socket, SO_ACCEPTCONN) != 1 || !path_of(socket).starts_with('/'))
        return "it is no Unix stream socket that listens at a path (ListenStream=/a/path, "
               "Accept=no)";
    return {};
}

/// The same for HTTP.
std::string fault_over_tcp(int socket)
{
    const int domain = option_of(socket, SO_DOMAIN);
    if ((domain != AF_INET && domain != AF_INET6) || option_of(socket, SO_TYPE) != SOCK_STREAM ||
        option_of(socket, SO_ACCEPTCONN) != 1)
        return "it is named http, and is no TCP socket that listens "
               "(ListenStream=127.0.0.1:8080, Accept=no)";
    return {};
}

/// Takes the sockets that were passed: each is made close-on-exec, as sd_listen_fds(3) does.
/// `names`: in their order, with colons between; they may be fewer.
result<void> take_sockets(service_manager& into, long long count, std::string_view names)
{
    for (int each = first_passed; each != first_passed + count; ++each) {
        const std::size_t end = std::min(names.find(':'), names.size());
        const std::string_view name = names.substr(0, end);
        names.remove_prefix(std::min(end + 1, names.size()));
        const int flags = ::fcntl(each, F_GETFD);
        const bool ours = flags >= 0 && ::fcntl(each, F_SETFD, flags | FD_CLOEXEC) == 0;
        const std::string fault = !ours            ? system_reason()
                                  : name == "http" ? fault_over_tcp(each)
                                                   : fault_of(each);
        if (!fault.empty())
            return failure{errc::invalid_params,
                           "the socket that the service manager passed cannot be served on: " +
                               fault};
        if (name == "http")
            into.http.push_back(each);
        else if (std::exchange(into.listening, each))
            return failure{errc::invalid_params,
                           "the service manager passed several Unix sockets (LISTEN_FDS); warmd "
                           "serves on one, and on those that are named http"};
    }
    if (into.listening)
        into.socket_path = path_of(*into.listening);
    return {};
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
    const std::string pid = taken("LISTEN_PID"), count = taken("LISTEN_FDS"),
                      names = taken("LISTEN_FDNAMES");
    service_manager manager;
    if (is_us(pid))
        if (auto sound = take_sockets(manager, number(count).value_or(0), names); !sound)
            return sound.error();
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

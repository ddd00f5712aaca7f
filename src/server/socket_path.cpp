#include "server/socket_path.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace warmd {

namespace {

failure unusable(const std::string& what, int error)
{
    return failure{error == EACCES || error == EPERM ? errc::permission_denied
                                                     : errc::invalid_params,
                   what + ": " + std::generic_category().message(error)};
}

/// Who listens at `path`: its pid; 0 if somebody does who cannot be named; nothing if nobody does.
result<std::optional<pid_t>> listener_at(const std::string& path)
{
    // Non-blocking: with a full backlog connect() would wait for an accept.
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return unusable("cannot make a socket", errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int error =
        ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0
                                                                                           : errno;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (error == 0)
        ::getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    ::close(probe);
    if (error == 0 || error == EAGAIN)
        return peer.pid;
    if (error == ECONNREFUSED || error == ENOENT)
        return std::nullopt;
    return unusable("cannot probe the socket " + path, error);
}

failure taken(const std::string& path)
{
    const auto listener = listener_at(path);
    const bool known = listener && *listener && **listener > 0;
    return failure{errc::busy, "another daemon is listening on " + path +
                                   (known ? " (pid " + std::to_string(**listener) + ")" : "")};
}

} // namespace

namespace {

result<void> give_to_group(const std::string& path, const access_rules& rules)
{
    if (rules.socket_group &&
        ::lchown(path.c_str(), static_cast<uid_t>(-1), *rules.socket_group) != 0)
        return unusable("cannot give " + path + " to group " + std::to_string(*rules.socket_group),
                        errno);
    return {};
}

result<void> make_directory(const std::string& directory, const access_rules& rules)
{
    if (::mkdir(directory.c_str(), 0700) != 0)
        return errno == EEXIST ? result<void>{}
                               : unusable("cannot make the socket's directory " + directory, errno);
    if (auto given = give_to_group(directory, rules); !given)
        return given;
    const mode_t passable = 0700U | ((rules.socket_mode & 0060U) != 0 ? 0010U : 0U) |
                            ((rules.socket_mode & 0006U) != 0 ? 0001U : 0U);
    if (passable != 0700U && ::chmod(directory.c_str(), passable) != 0)
        return unusable("cannot set the mode of " + directory, errno);
    return {};
}

} // namespace

result<socket_path> socket_path::claim(const std::string& path, const access_rules& rules)
{
    if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path))
        return failure{errc::invalid_params,
                       "socket path '" + path + "' is not absolute, or too long"};
    socket_path claimed;
    claimed.path_ = path;
    if (auto made = make_directory(claimed.directory(), rules); !made)
        return made.error();
    if (auto locked = claimed.take_lock(); !locked)
        return locked.error();
    if (auto cleared = claimed.clear_stale_socket(); !cleared)
        return cleared.error();
    return claimed;
}

socket_path::socket_path(socket_path&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)),
      device_(other.device_), inode_(other.inode_)
{
}

socket_path& socket_path::operator=(socket_path&& other) noexcept
{
    release();
    path_ = std::exchange(other.path_, {});
    lock_ = std::exchange(other.lock_, -1);
    device_ = other.device_;
    inode_ = other.inode_;
    return *this;
}

socket_path::~socket_path() { release(); }

/// Whoever held the lock before may have removed the file after we opened it: then ours locks
/// nothing, and again.
result<void> socket_path::take_lock()
{
    const std::string name = path_ + ".lock";
    for (;;) {
        lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock_ < 0)
            return unusable("cannot open " + name, errno);
        if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
            const int error = errno;
            ::close(std::exchange(lock_, -1));
            return error == EWOULDBLOCK ? taken(path_) : unusable("cannot lock " + name, error);
        }
        if (lock_stands())
            return {};
        ::close(std::exchange(lock_, -1));
    }
}

result<void> socket_path::clear_stale_socket() const
{
    struct stat there {};
    if (::lstat(path_.c_str(), &there) != 0)
        return errno == ENOENT ? result<void>{} : unusable("cannot look at " + path_, errno);
    if (!S_ISSOCK(there.st_mode))
        return failure{errc::invalid_params,
                       path_ + " exists and is not a socket; it is left alone"};
    const auto listener = listener_at(path_);
    if (!listener)
        return listener.error();
    if (*listener)
        return taken(path_);
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT)
        return unusable("cannot remove the stale socket " + path_, errno);
    return {};
}

result<void> socket_path::bound(const access_rules& rules)
{
    struct stat made {};
    if (auto given = give_to_group(path_, rules); !given)
        return given;
    if (::chmod(path_.c_str(), rules.socket_mode) != 0 || ::lstat(path_.c_str(), &made) != 0)
        return unusable("cannot set the mode of " + path_, errno);
    device_ = made.st_dev;
    inode_ = made.st_ino;
    return {};
}

/// Whether the file of the lock's name is the one that we hold.
bool socket_path::lock_stands() const noexcept
{
    struct stat locked {
    }, named{};
    return ::fstat(lock_, &locked) == 0 && ::stat((path_ + ".lock").c_str(), &named) == 0 &&
           locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

bool socket_path::stands() const noexcept
{
    struct stat there {};
    return inode_ != 0 && ::lstat(path_.c_str(), &there) == 0 && there.st_ino == inode_ &&
           there.st_dev == device_;
}

std::string socket_path::directory() const
{
    return path_.substr(0, std::max<std::size_t>(path_.rfind('/'), 1));
}

void socket_path::release() noexcept
{
    if (lock_ < 0)
        return;
    if (stands())
        ::unlink(path_.c_str());
    if (lock_stands()) // still locked: nobody else can hold the file of this name
        ::unlink((path_ + ".lock").c_str());
    ::close(std::exchange(lock_, -1));
    inode_ = 0;
}

} // namespace warmd

#include "server/directory_watch.hpp"

#include <cerrno>

#include <sys/inotify.h>
#include <unistd.h>

namespace warmd {

namespace {

constexpr std::uint32_t goes =
    IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

} // namespace

error_code directory_watch::watch(const std::string& directory)
{
    close();
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return {errno, boost::system::system_category()};
    if (::inotify_add_watch(fd, directory.c_str(), goes) < 0) {
        const error_code why(errno, boost::system::system_category());
        ::close(fd);
        return why;
    }
    inotify_.assign(fd);
    wait();
    return {};
}

void directory_watch::close()
{
    error_code ignored;
    inotify_.close(ignored);
}

void directory_watch::wait()
{
    inotify_.async_wait(io_descriptor::wait_read, [self = shared_from_this(),
                                                   fd = inotify_.native_handle()](error_code ec) {
        if (ec || !self->inotify_.is_open() || self->inotify_.native_handle() != fd)
            return;
        self->read_events();
        self->wait();
        self->changed_(); // may watch anew
    });
}

/// Which they are does not matter: whoever is told looks.
void directory_watch::read_events()
{
    char events[4096];
    while (::read(inotify_.native_handle(), events, sizeof events) > 0)
        ;
}

} // namespace warmd

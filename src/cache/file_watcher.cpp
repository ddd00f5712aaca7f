#include "cache/file_watcher.hpp"

#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <utility>

namespace warmd {

namespace {

constexpr std::uint32_t names_change =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t contents_change =
    IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/// Local file systems: every change to them is made by this kernel, which tells of it. Of others
/// (NFS, SMB, FUSE, 9p, AFS, Ceph, virtiofs, …) it sees only what is done through this host.
bool reports_every_change(std::uint32_t type)
{
    static constexpr std::array<std::uint32_t, 17> local{
        EXT4_SUPER_MAGIC,          XFS_SUPER_MAGIC,   BTRFS_SUPER_MAGIC,
        F2FS_SUPER_MAGIC,          TMPFS_MAGIC,       RAMFS_MAGIC,
        OVERLAYFS_SUPER_MAGIC,     SQUASHFS_MAGIC,    EROFS_SUPER_MAGIC_V1,
        ISOFS_SUPER_MAGIC,         MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC,
        REISERFS_SUPER_MAGIC,      NILFS_SUPER_MAGIC, 0x2fc12fc1 /* ZFS */,
        0xca451a4e /* bcachefs */, 0x3153464a /* JFS */};
    return std::find(local.begin(), local.end(), type) != local.end();
}

failure unwatched(const std::string& why) { return failure{errc::unsupported, why}; }
failure system_failure(const std::string& what)
{
    return unwatched(what + ": " + std::generic_category().message(errno));
}

/// A file descriptor that is only a place in the file system (open(2), O_PATH).
class place {
public:
    place(int at, const std::string& name)
        : handle_(::openat(at, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC))
    {
    }
    ~place()
    {
        if (handle_ >= 0)
            ::close(handle_);
    }
    place(place&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
    place& operator=(place&& other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    int handle() const { return handle_; }

private:
    int handle_;
};

/// Puts the names of `path` in front of `names`.
void prepend(std::deque<std::string>& names, const std::filesystem::path& path)
{
    std::vector<std::string> more;
    for (const auto& name : path.relative_path())
        if (!name.empty() && name != ".")
            more.push_back(name);
    names.insert(names.begin(), more.begin(), more.end());
}

} // namespace

file_watch::~file_watch() { by_->disarm(*this); }

result<std::shared_ptr<file_watcher>> file_watcher::open(asio::any_io_executor io)
{
    const int handle = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (handle < 0)
        return system_failure("inotify");
    return std::make_shared<file_watcher>(std::move(io), handle);
}

result<std::unique_ptr<file_watch>> file_watcher::watch(
    std::span<const std::filesystem::path> paths)
{
    std::unique_ptr<file_watch> made(new file_watch(shared_from_this()));
    for (const std::filesystem::path& path : paths)
        if (auto followed = follow(path, *made); !followed)
            return unwatched(path.native() + ": " + followed.error().detail);
    return made;
}

/// Each watch is set before what it guards is looked up, so that no change falls in between.
result<void> file_watcher::follow(const std::filesystem::path& path, file_watch& on)
{
    if (!path.is_absolute())
        return unwatched("not an absolute path");
    std::deque<std::string> names;
    prepend(names, path);
    place at(AT_FDCWD, "/");
    for (int links = 0; !names.empty();) {
        const std::string name = std::move(names.front());
        names.pop_front();
        if (name != "..")
            if (auto set = arm(at.handle(), name, names_change, on); !set)
                return set;
        place next(at.handle(), name);
        struct stat facts {};
        if (next.handle() < 0 || ::fstat(next.handle(), &facts) != 0)
            return errno == ENOENT ? result<void>() : system_failure(name);
        if (S_ISDIR(facts.st_mode)) {
            at = std::move(next);
        } else if (S_ISLNK(facts.st_mode)) {
            std::array<char, PATH_MAX> target;
            const ::ssize_t size = ::readlinkat(next.handle(), "", target.data(), target.size());
            if (size < 0 || ++links > 40) // as the system itself: path_resolution(7)
                return unwatched(name + ": too many symbolic links");
            const std::filesystem::path to(
                std::string(target.data(), static_cast<std::size_t>(size)));
            prepend(names, to);
            if (to.is_absolute())
                at = place(AT_FDCWD, "/");
        } else {
            return arm(next.handle(), "", contents_change, on);
        }
    }
    return {};
}

/// Watches what `at` refers to. By descriptor, not by path: what is watched is what was looked at,
/// and no file system that does not answer can hold the lock.
result<void> file_watcher::arm(int at, const std::string& name, std::uint32_t events,
                               file_watch& on)
{
    struct statfs system {};
    if (::fstatfs(at, &system) != 0)
        return system_failure("fstatfs");
    if (!reports_every_change(static_cast<std::uint32_t>(system.f_type)))
        return unwatched("its file system (statfs type " + std::to_string(system.f_type) +
                         ") may not report every change");
    const std::string self = "/proc/self/fd/" + std::to_string(at);
    const std::lock_guard lock(mutex_); // its first event must find it in armed_
    const int descriptor = ::inotify_add_watch(handle_, self.c_str(), events | IN_MASK_ADD);
    if (descriptor < 0)
        return system_failure("inotify_add_watch");
    if (armed_[descriptor][name].insert(&on).second)
        on.places_.emplace_back(descriptor, name);
    return {};
}

void file_watcher::disarm(file_watch& gone)
{
    const std::lock_guard lock(mutex_);
    for (const auto& [descriptor, name] : gone.places_) {
        const auto found = armed_.find(descriptor);
        if (found == armed_.end())
            continue; // the system has dropped it: what it was is no more
        const auto named = found->second.find(name);
        named->second.erase(&gone);
        if (named->second.empty())
            found->second.erase(named);
        if (found->second.empty()) {
            ::inotify_rm_watch(handle_, descriptor);
            armed_.erase(found);
        }
    }
}

void file_watcher::listen(std::function<void()> on_change)
{
    on_change_ = std::move(on_change);
    wait();
}

bool file_watcher::look()
{
    if (!on_change_)
        return false;
    const batch read = read_events();
    if (read.changed) {
        const auto tell = on_change_; // which may stop
        tell();
    }
    return read.full;
}

void file_watcher::stop()
{
    on_change_ = {};
    events_.cancel();
}

void file_watcher::wait()
{
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](const error_code& ec) {
                           const auto self = weak.lock();
                           if (ec || !self || !self->on_change_)
                               return;
                           self->look();
                           if (self->on_change_)
                               self->wait();
                       });
}

/// One buffer at a time, so that a busy writer does not keep the io thread here.
file_watcher::batch file_watcher::read_events()
{
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    const ::ssize_t size = ::read(handle_, buffer.data(), buffer.size());
    bool changed = false;
    const std::lock_guard lock(mutex_);
    for (::ssize_t at = 0; at < size;) {
        const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data() + at);
        changed = take(event) || changed;
        at += static_cast<::ssize_t>(sizeof event + event.len);
    }
    constexpr ::ssize_t longest = sizeof(inotify_event) + NAME_MAX + 1;
    return {.changed = changed, .full = size > static_cast<::ssize_t>(buffer.size()) - longest};
}

bool file_watcher::take(const inotify_event& event)
{
    bool changed = false;
    const auto mark = [&](const watches& all) {
        for (file_watch* each : all)
            changed = !each->changed_.exchange(true) || changed;
    };
    if (event.mask & IN_Q_OVERFLOW) { // anything may have changed
        for (const auto& [descriptor, names] : armed_)
            for (const auto& [name, all] : names)
                mark(all);
        return changed;
    }
    const auto found = armed_.find(event.wd);
    if (found == armed_.end())
        return false;
    if (event.len != 0) {
        if (const auto named = found->second.find(event.name); named != found->second.end())
            mark(named->second);
    } else { // what is watched is itself changed, moved or gone
        for (const auto& [name, all] : found->second)
            mark(all);
    }
    if (event.mask & IN_IGNORED)
        armed_.erase(found);
    return changed;
}

} // namespace warmd

#pragma once
// Notices that files have changed without looking at them (inotify(7)).

#include "base/asio.hpp"
#include <warmd/error.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

struct inotify_event;

namespace warmd {

class file_watcher;

/// Some paths under watch, until destroyed. Every member from any thread.
class file_watch {
public:
    ~file_watch();
    file_watch(const file_watch&) = delete;
    file_watch& operator=(const file_watch&) = delete;

    /// True for good once a path means another file than before, or a file it means was written to,
    /// and the watcher has read of it. Makes no system call.
    bool changed() const noexcept { return changed_.load(std::memory_order_acquire); }

private:
    friend class file_watcher;
    explicit file_watch(std::shared_ptr<file_watcher> by) : by_(std::move(by)) {}

    std::shared_ptr<file_watcher> by_;
    std::atomic<bool> changed_ = false;
    std::vector<std::pair<int, std::string>>
        places_; // watch descriptor, name; guarded by by_->mutex_
};

/// One inotify instance. Watches the names on the way to a file, each in the directory it is looked
/// up in, and the file itself; never more: what else happens in a directory wakes nobody's watch. A
/// write through a memory map it cannot see, nor a file system mounted over a directory on the way.
class file_watcher : public std::enable_shared_from_this<file_watcher> {
public:
    /// Events are read on `io`, a serial executor. Fails if the system gives no inotify instance.
    static result<std::shared_ptr<file_watcher>> open(asio::any_io_executor io);
    file_watcher(asio::any_io_executor io, int handle)
        : events_(std::move(io), handle), handle_(handle)
    {
    }

    /// Watches absolute `paths` through all symbolic links; a file that is not there may appear.
    /// Every change from the return on is noticed, so: watch, then look. unsupported, with the
    /// reason, if not all of it can be watched: a file system that does not report every change
    /// (network, FUSE), no permission, no watch left. Makes system calls: worker threads only.
    result<std::unique_ptr<file_watch>> watch(std::span<const std::filesystem::path> paths);
    /// Begins to read events, and keeps io busy until stop(). `on_change` is called on io after
    /// each batch of events that changed a watch. Call on io, once; what changed before is not
    /// lost.
    void listen(std::function<void()> on_change);
    /// Reads what there is to read by now, without waiting to be told; true if it left something.
    /// Call on io.
    bool look();
    /// Readable when there is something to read.
    int descriptor() const noexcept { return handle_; }
    /// Reads no more. Call on io.
    void stop();

private:
    friend class file_watch;
    result<void> follow(const std::filesystem::path& path, file_watch& on);
    result<void> arm(int at, const std::string& name, std::uint32_t events, file_watch& on);
    void disarm(file_watch& gone);
    void wait();
    struct batch {
        bool changed; ///< a watch
        bool full;    ///< there may be more to read
    };
    batch read_events();
    bool take(const inotify_event& event);

    using watches = std::set<file_watch*>;

    asio::posix::stream_descriptor events_;
    const int handle_;                // that of events_: for other threads
    std::function<void()> on_change_; // empty: not listening
    std::mutex mutex_;
    std::unordered_map<int, std::map<std::string, watches>>
        armed_; // watch descriptor, name ("": the file itself)
};

} // namespace warmd

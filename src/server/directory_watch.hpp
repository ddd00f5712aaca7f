#pragma once
// Tells when something goes from a directory: how a daemon learns that its socket's file is gone.

#include "base/io_thread.hpp"

#include <functional>
#include <memory>
#include <string>

namespace warmd {

/// Watches one directory (inotify(7)) for names that are removed or moved away, itself included.
/// It keeps the io_context busy until close().
class directory_watch : public std::enable_shared_from_this<directory_watch> {
public:
    directory_watch(io_executor executor, std::function<void()> changed)
        : inotify_(executor), changed_(std::move(changed))
    {
    }

    /// Watches this directory from now on, and no other; again after it has been made anew.
    error_code watch(const std::string& directory);
    void close();

private:
    void wait();
    void read_events();

    io_descriptor inotify_;
    const std::function<void()> changed_;
};

} // namespace warmd

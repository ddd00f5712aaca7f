#pragma once
// One daemon per socket path: taking the path at start, giving it up at the end. Blocking system
// calls, no Asio.

#include "base/config.hpp"
#include <warmd/error.hpp>

#include <string>
#include <sys/types.h>

namespace warmd {

/// The claim to one socket path: a lock on PATH.lock, held as long as this lives. Move-only.
class socket_path {
public:
    /// Makes the directory (its last component only; 0700, and passable for those whom the socket's
    /// mode lets in), takes the lock, and removes the socket of a daemon that is gone. Fails if
    /// another daemon listens there, or if something that is no socket is in the way.
    static result<socket_path> claim(const std::string& path, const access_rules& rules);

    socket_path() noexcept = default;
    socket_path(socket_path&& other) noexcept;
    socket_path& operator=(socket_path&& other) noexcept;
    ~socket_path();

    /// Gives the socket that was bound at the path its mode and group, and remembers it as ours.
    /// REQUIRES: called before it listens, so that nobody has connected yet.
    result<void> bound(const access_rules& rules);
    /// Whether the socket at the path is the one that was bound(). REQUIRES: not empty.
    bool stands() const noexcept;
    const std::string& path() const noexcept { return path_; }
    std::string directory() const;
    /// Removes our socket and our lock's file, unless others stand there by now, and gives the lock
    /// back. No effect when empty.
    void release() noexcept;

private:
    result<void> take_lock();
    result<void> clear_stale_socket() const;
    bool lock_stands() const noexcept;

    std::string path_; // empty: no claim
    int lock_ = -1;
    dev_t device_ = 0;
    ino_t inode_ = 0; // 0: nothing bound
};

} // namespace warmd

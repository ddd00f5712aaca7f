#pragma once
// A program started as a worker: a process group of its own, and what leads to it.

#include <warmd/error.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace warmd::worker {

/// A descriptor that is closed at the end. Move-only.
class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int number) noexcept : number_(number) {}
    descriptor(descriptor&& other) noexcept : number_(other.release()) {}
    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor();

    int get() const noexcept { return number_; }
    /// From now on the caller's.
    int release() noexcept { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

struct launch {
    std::vector<std::string> command;     ///< an absolute path, then its arguments
    std::vector<std::string> environment; ///< NAME=value, all of it
    std::uint64_t max_bytes = 0;          ///< of address space; 0: no limit
};

/// It inherits three pipes and nothing else, runs at a lower priority, and is ended by the system
/// when the thread that started it ends. What it starts in its turn belongs to its group, and to us
/// once its parent has ended (PR_SET_CHILD_SUBREAPER). REQUIRES: finish() was called once.
class process {
public:
    /// backend_failed says why it could not be started. Blocks until it runs. To be called on a
    /// thread that lives as long as workers may.
    static result<process> start(const launch& what);

    pid_t id() const noexcept { return id_; }
    /// Of our ends of its pipes, which never block, and of a pidfd: readable when it has ended.
    descriptor in, out, err, ended;

    /// Sends a signal to the group.
    void signal(int number) const noexcept;
    /// "was ended by signal 9 (Killed)", "ended with status 1"; "" while it runs. It stays a
    /// zombie, so that its number and its group's are not given to others.
    std::string how_it_ended() const;
    /// Ends what is left of the group, and waits until nothing is.
    void finish() const noexcept;

private:
    pid_t id_ = 0;
};

/// The environment of a worker: what this process has of PATH, HOME and the locale, and `more`.
std::vector<std::string> clean_environment(
    const std::vector<std::pair<std::string, std::string>>& more);
/// Where a shell would find `program`: itself if it has a '/'. not_found.
result<std::string> find_program(const std::string& program);

} // namespace warmd::worker

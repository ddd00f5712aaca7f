#pragma once
// The servers under load: warmd, Redis, memcached and an echo of our own, each started for the
// occasion and pinned to a core.

#include "generator.hpp"

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace warmbench {

/// A child process; killed when this goes.
class child {
public:
    /// Runs `body` in a fork of this process, pinned to `core` (-1: anywhere), its output to `log`.
    child(const std::function<void()>& body, int core, const std::filesystem::path& log);
    ~child();
    child(child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    child& operator=(child&&) = delete;

    pid_t pid() const { return pid_; }
    /// False once it has ended by itself.
    bool runs() const;
    /// Processor time of all its threads so far.
    std::chrono::nanoseconds cpu_time() const;
    /// Resident memory in bytes.
    std::size_t rss() const;

private:
    pid_t pid_;
};

/// Replaces the process by `command`; call it in a child.
void execute(const std::vector<std::string>& command);

/// Pins this thread; does nothing for -1.
void pin_to(int core);

/// A directory that goes when this does.
struct scratch {
    scratch();
    ~scratch();
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    std::filesystem::path path;
};

/// A server that answers one exchange.
struct contestant {
    std::string name;
    child server;
    std::string socket_path;
    exchange what;
};

/// Waits until somebody listens on `socket_path`; throws after ten seconds.
void wait_for(const std::string& socket_path);

/// warmd with the dummy kind, a model resident, and as many connections allowed as asked for.
child start_warmd(const std::string& program, const scratch& in, int core);
/// Where start_warmd() listens.
std::string warmd_socket(const scratch& in);
/// The request as warmd's `method` has it, on the resident model; throws for a method this cannot
/// drive.
exchange warmd_exchange(const std::string& method, bool content_length);

contestant start_redis(const scratch& in, int core);     ///< GET of 200 bytes
contestant start_memcached(const scratch& in, int core); ///< get of 200 bytes
contestant start_echo(const scratch& in, int core);      ///< 200 bytes there and back

/// Sends `request` on a connection of its own and returns what comes back until `end`.
std::string ask(const std::string& socket_path, const std::string& request, const std::string& end);

} // namespace warmbench

#pragma once
// What a service manager such as systemd passes to a daemon, and how it is told: sd_notify(3),
// sd_watchdog_enabled(3), sd_listen_fds(3). All of it is a few environment variables and, per
// message, one datagram of text: no library is needed.

#include <warmd/error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// Where a service manager hears what the service has to say. One without an address drops
/// everything. Move-only.
class notify_socket {
public:
    notify_socket() noexcept = default;
    /// The socket that `address` names: an absolute path, or '@' and an abstract name (unix(7)).
    static result<notify_socket> open(const std::string& address);

    notify_socket(notify_socket&& other) noexcept;
    notify_socket& operator=(notify_socket&& other) noexcept;
    ~notify_socket();

    explicit operator bool() const noexcept { return handle_ >= 0; }
    /// One message; "" is none. Never blocks: a manager that does not read misses it.
    void send(std::string_view message) const noexcept;

private:
    explicit notify_socket(int handle) noexcept : handle_(handle) {}

    int handle_ = -1; // connected; -1: none
};

/// What a service manager left in the environment.
struct service_manager {
    notify_socket notify;
    std::chrono::nanoseconds watchdog{
        0}; ///< it wants to hear WATCHDOG=1 at least this often; 0: it does not
    std::optional<int>
        listening; ///< a Unix stream socket that listens already, close-on-exec; ours to close
    std::string socket_path; ///< of that one
    std::vector<int> http;   ///< those that were passed under the name `http`, close-on-exec; ours
    std::string deaf;        ///< why it cannot be notified, though it should be; "": no trouble

    /// Reads the environment and clears it, so that nobody started from here takes it for his own.
    /// Fails if a Unix socket was passed that cannot be served on, or several. REQUIRES: called
    /// once, while no other thread runs.
    static result<service_manager> found();
};

} // namespace warmd

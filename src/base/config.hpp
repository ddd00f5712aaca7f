#pragma once
// Every limit with its default. Plain values; validate() is called once, before anything is built
// from them.

#include <warmd/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace warmd {

/// What may be resident, and for how long.
struct cache_limits {
    std::size_t max_loaded_models = 2;
    std::uint64_t max_loaded_bytes = 0;       ///< 0: no limit
    std::size_t max_waiters = 65'536;         ///< requests waiting for a load or for room
    std::chrono::nanoseconds idle_timeout{0}; ///< since the last release; 0: never
    std::chrono::nanoseconds max_wait =
        std::chrono::seconds(10); ///< then a busy model is drained for a newcomer
    /// A model keeps its place so long after its load, unless a newcomer has waited max_wait:
    /// against load after load where several models in turn are asked for. 0: any idle model may go
    /// at once.
    std::chrono::nanoseconds min_residency{0};
    std::chrono::nanoseconds load_timeout = std::chrono::minutes(10);
    std::chrono::nanoseconds close_timeout = std::chrono::seconds(30);
    std::chrono::nanoseconds back_off_first =
        std::chrono::seconds(1); ///< after a failed load, doubling
    std::chrono::nanoseconds back_off_last = std::chrono::seconds(60);
    std::chrono::nanoseconds recheck =
        std::chrono::milliseconds(500); ///< how old knowledge of files may be
    /// For a look at a model's files; load_timeout, if that is shorter.
    std::chrono::nanoseconds look_up_timeout = std::chrono::seconds(10);
    /// Files must not have changed for so long before they are loaded: somebody may be writing
    /// them. 0: no matter.
    std::chrono::nanoseconds quiet_files = std::chrono::milliseconds(250);
    std::chrono::nanoseconds max_quiet_wait =
        std::chrono::seconds(10); ///< then they are loaded as they are

    friend bool operator==(const cache_limits&, const cache_limits&) = default;
};

/// One connection's limits.
struct session_limits {
    std::size_t max_frame_bytes = 16 * 1024 * 1024;
    std::size_t max_in_flight = 1024; ///< then nothing more is read
    /// On all connections together; then a request that cannot be answered at once is busy.
    std::size_t max_in_flight_total = 65'536;
    std::size_t max_reply_bytes = 64 << 20; ///< a larger one is too_large
    std::size_t max_unread_bytes =
        256 << 20; ///< replies a client has not read; then its connection is closed
    /// Of a connection that nothing passes on or is under way on; 0: never.
    std::chrono::nanoseconds idle_timeout = std::chrono::hours(1);
    std::chrono::nanoseconds frame_timeout =
        std::chrono::seconds(60); ///< for a frame to come whole; 0: for ever

    friend bool operator==(const session_limits&, const session_limits&) = default;
};

/// too_large.
failure reply_too_large(std::size_t max_reply_bytes);

/// What one request may ask for.
struct request_limits {
    std::size_t max_prompts = 16'384; ///< prompts, texts or items
    std::size_t max_tokens =
        1024 * 1024; ///< in all of its inputs together, and for a generation those asked for
    std::size_t max_http_logprobs = 20; ///< tokens listed in one place of a completion
};

/// What models share while they compute.
struct compute_limits {
    std::uint64_t max_kv_bytes = 0;       ///< keys and values, kept ones included; 0: no limit
    std::uint64_t prefix_cache_bytes = 0; ///< of those, kept of texts that have ended; 0: none
    std::uint64_t answer_cache_bytes = 64 << 20; ///< remembered answers of base views; 0: none
    std::chrono::nanoseconds step_time = std::chrono::milliseconds(50); ///< what a step is to take

    friend bool operator==(const compute_limits&, const compute_limits&) = default;
};

/// Who may talk to the daemon. Our own user and root always may.
struct access_rules {
    unsigned socket_mode =
        0600; ///< of the socket we make; its directory lets pass whom the mode lets in
    std::optional<gid_t> socket_group; ///< of that socket and, if we make it, its directory
    std::vector<uid_t> uids;           ///< besides our own user and root
    std::vector<gid_t> gids;           ///< a peer's own or supplementary group

    friend bool operator==(const access_rules&, const access_rules&) = default;
};

struct tcp_address {
    std::string host;       ///< an address, no name
    std::uint16_t port = 0; ///< 0: any that is free

    friend bool operator==(const tcp_address&, const tcp_address&) = default;
};

/// HTTP over TCP: on loopback addresses, for who knows the token.
struct http_rules {
    std::vector<tcp_address> listen;
    std::vector<int> listening_sockets; ///< that listen already and are now ours
    std::string token;                  ///< not empty if there are any of either
    std::vector<std::string> origins;   ///< of browsers' pages that may ask

    /// Whether there is any TCP.
    bool any() const { return !listen.empty() || !listening_sockets.empty(); }
};

/// Two descriptors of one client, now ours.
struct stream_pair {
    int in = -1, out = -1;
};

struct server_config {
    std::optional<stream_pair> streams; ///< the only client there is: nobody else is listened to
    std::string socket_path;
    http_rules http;
    access_rules access;
    int listening_socket = -1; ///< one that listens already and is now ours (socket activation);
                               ///< socket_path is left alone then
    session_limits session;
    std::size_t max_connections = 16'384;
};

/// invalid_params with a message that names the limit, the value and the bound.
result<void> validate(const cache_limits&);
result<void> validate(const server_config&);
result<void> validate(const request_limits&);

/// The daemon's default socket: $XDG_RUNTIME_DIR/warmd/warmd.sock, or /run/warmd/warmd.sock for
/// root and where XDG_RUNTIME_DIR is unset and /run/warmd is writable. Clients look at WARMD_SOCKET
/// first.
std::string default_socket_path();

} // namespace warmd

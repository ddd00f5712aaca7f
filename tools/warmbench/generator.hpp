#pragma once
// The load generator: many connections over one Unix socket, one thread, any protocol whose replies
// can be told apart.

#include "histogram.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace warmbench {

/// How the end of a reply is found.
enum class reply_end { line, content_length, fixed };

/// One request, sent over and over, and what comes back.
struct exchange {
    std::string request;
    reply_end ends = reply_end::line;
    std::size_t reply_bytes = 0; ///< fixed only
};

/// Counts the replies in a stream that arrives in pieces.
class reply_counter {
public:
    explicit reply_counter(const exchange& what)
        : ends_(what.ends), left_(what.reply_bytes), each_(what.reply_bytes)
    {
    }
    /// How many replies end within `bytes`, which follow those given before.
    std::size_t ended_in(std::string_view bytes);

private:
    std::size_t lines(std::string_view bytes);
    std::size_t fixed(std::string_view bytes);
    std::size_t measured(std::string_view bytes);

    reply_end ends_;
    std::size_t left_; // of the reply under way
    std::size_t each_;
    std::string header_; // content_length: the header under way
};

struct load_shape {
    std::size_t clients = 1;
    std::size_t depth = 1; ///< requests in flight per client
    double rate = 0; ///< open loop: requests per second over all clients; 0: closed loop, as fast
                     ///< as answers come
};

struct measured {
    double per_second = 0;
    histogram latency; ///< open loop: since the time at which the request was due
};

/// Keeps its connections from one run to the next, so that slices of several contestants can
/// alternate.
class generator {
public:
    /// Throws if it cannot connect.
    generator(const std::string& socket_path, exchange what, load_shape shape);
    ~generator();
    generator(const generator&) = delete;
    generator& operator=(const generator&) = delete;

    /// Sends for `time`, then waits for the answers still out.
    measured run(std::chrono::nanoseconds time);

private:
    struct connection;
    void send(connection& to, std::size_t requests, std::uint64_t due);
    void flush(connection& to);
    std::size_t receive(connection& from, histogram& latency);
    void send_what_is_due(std::uint64_t now, std::uint64_t until);

    const exchange what_;
    const load_shape shape_;
    std::string burst_; // `depth` requests
    int epoll_ = -1;
    std::vector<std::unique_ptr<connection>> connections_;
    std::size_t in_flight_ = 0;
    std::uint64_t next_due_ = 0; // open loop
    std::size_t next_client_ = 0;
};

/// Connects to the Unix socket; throws std::system_error.
int connect_to(const std::string& socket_path);

} // namespace warmbench

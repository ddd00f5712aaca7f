#pragma once
// A small blocking client of the daemon, for warmctl, tests and programs that are content to wait.
// It speaks JSON lines.
//
//     auto daemon = warmd::client::connect(warmd::default_socket_path());
//     auto answer = daemon->call("next_token",
//     R"({"model":{"base":"/models/llama"},"prompts":["Once"]})");

#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace warmd {

/// A connection to the daemon. Movable; used by one thread at a time; hangs up when destroyed,
/// which cancels what is unanswered. After errc::disconnected, errc::timeout or errc::parse_error
/// from it, connect anew.
class client {
public:
    /// Told of each notification (`$/progress`, `$/token`, `event`) that comes while an answer is
    /// awaited.
    using on_notification = std::function<void(std::string_view method, const json::value& params)>;

    /// What came back for the request that send() numbered `id`: its result, or the daemon's error
    /// as a failure.
    struct reply {
        std::uint64_t id;
        result<json::value> outcome;
    };

    /// A longer line from the daemon is refused with frame_too_large.
    static constexpr std::size_t max_line_bytes = std::size_t{256} << 20;

    /// Connects to the Unix socket at `path`; errc::disconnected, or permission_denied, says why it
    /// could not. With `patience` above 0, connecting, sending, or waiting for the next bytes for
    /// longer than that fails with errc::timeout.
    static result<client> connect(const std::string& path, std::chrono::milliseconds patience = {});
    /// From now on another patience than the one it was connected with; 0: for ever.
    result<void> set_patience(std::chrono::milliseconds patience);

    /// One request and its answer. `params`: the text of a JSON object, without line breaks.
    /// REQUIRES: nothing sent with send() is unanswered.
    result<json::value> call(std::string_view method, std::string_view params = "{}",
                             const on_notification& notify = {});

    /// Sends a request without waiting for its answer; returns its number. Blocks while the daemon
    /// does not read, which it may do with `max_in_flight` (1024) requests unanswered: receive()
    /// before sending more than that.
    result<std::uint64_t> send(std::string_view method, std::string_view params = "{}");
    /// The next answer to any request sent, in the order in which the daemon has them ready.
    /// Fails if the connection does; a refused request is a reply.
    result<reply> receive(const on_notification& notify = {});

    client(client&& other) noexcept;
    client& operator=(client&& other) noexcept;
    ~client();

private:
    explicit client(int socket) noexcept : socket_(socket) {}
    result<void> write(std::string_view bytes);
    result<std::string> read_line();

    int socket_;
    std::string in_; // received; may end within a line
    std::uint64_t last_id_ = 0;
};

} // namespace warmd

#pragma once
// One client on two descriptors, whatever they are: what it sends comes on one, what it is answered
// leaves by the other (warmd --stdio).

#include "base/config.hpp"
#include "base/io_thread.hpp"
#include "wire/conversation.hpp"
#include "wire/dispatcher.hpp"
#include <warmd/log.hpp>

#include <functional>
#include <memory>
#include <string_view>

namespace warmd {

/// JSON-RPC between the descriptors, pipes, terminals or sockets, from start() to the last reply.
/// It takes its turns as a connection does (connection.hpp), and ends as one: the input ends, or
/// drain(): what has arrived is answered. By then nobody is there to read it, the output is left
/// unread past max_unread_bytes, or stop(): every request is cancelled at once. Silence has no
/// limit here: who starts a process of his own ends it.
class stream_session final : public std::enable_shared_from_this<stream_session>, private carrier {
public:
    /// `look`: called before anything that came is carried out. The dispatcher must outlive it.
    stream_session(io_executor executor, stream_pair between, const dispatcher& methods,
                   const session_limits& limits, logger log, std::function<void()> look);

    /// `gone`: called once, on the executor, when nothing of it is left.
    void start(std::function<void()> gone);
    void drain();
    void stop();

private:
    using standing = conversation::standing;

    // carrier
    std::shared_ptr<void> hold() override { return shared_from_this(); }
    const io_executor& executor() const noexcept override { return executor_; }
    peer_name peer() const noexcept override;
    outbox& out() noexcept override { return waiting_; }
    void wrote() override { post_turn(); }
    void request_ended() override { post_turn(); }
    void give_up(std::string_view why) noexcept override;

    void post_turn();
    void take_turn();
    void converse(turn& left);
    void read();
    void write();
    void write_later();
    bool is_unread_too_much() const;
    void end_input();
    void watch_reader();
    void wind_up();

    const io_executor executor_;
    io_descriptor in_, out_;
    connection_counts& counts_;
    const session_limits limits_;
    const logger log_;
    const std::function<void()> look_;
    std::function<void()> gone_;

    outbox waiting_; // to be written
    const std::unique_ptr<conversation> conversation_;
    standing standing_ = standing::unfinished;
    bool open_ = false;
    bool reading_ = false; // under way
    bool writing_ = false; // the output takes no more: it tells when it does
    bool turn_posted_ = false;
    bool draining_ = false;
    bool input_ended_ = false; // and the conversation has been told
};

} // namespace warmd

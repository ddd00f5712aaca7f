#pragma once
// One connection: moves bytes between a socket and the conversation held on it. Knows neither what
// they mean nor the listening socket.

#include "base/config.hpp"
#include "base/io_thread.hpp"
#include "http/http_guard.hpp"
#include "server/connection_times.hpp"
#include "server/poller.hpp"
#include "wire/conversation.hpp"
#include "wire/dispatcher.hpp"
#include <warmd/log.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace warmd {

/// One connection, from accept to the last reply. Everything runs on the io thread (invariant 1).
///
/// It serves in turns, each bounded (wire/conversation.hpp): a readiness of the socket is one turn,
/// in which what has come is read and carried out, and every reply that is there by then is
/// written. What is left over when a turn ends waits until others have had theirs.
///
/// While the client does not read, replies to what runs by then may come to max_unread_bytes, those
/// that a batch still holds back included; past it, as after its timeouts, the connection is closed
/// and counted (look()).
///
/// How it ends: the client closes its writing side, or drain(): what has arrived is answered, then
/// the socket is closed. A frame that cannot be read: answered, likewise, after the error. A
/// hang-up or stop(): every request is cancelled at once.
class connection final : public std::enable_shared_from_this<connection>,
                         private poller::listener,
                         private carrier {
public:
    /// `socket`: a connected one, now ours; `by` watches it. The dispatcher and the guard must
    /// outlive the connection. `guard`: begin_conversation.hpp.
    connection(io_executor executor, int socket, peer_name peer, std::shared_ptr<poller> by,
               const dispatcher&, const session_limits&, logger, const http_guard* guard = nullptr);
    ~connection();

    /// Serves until the end; then calls `on_end` once, when nothing of it is left. REQUIRES: called
    /// once.
    void start(std::function<void()> on_end);
    /// Reads no more; answers what has arrived; ends.
    void drain();
    /// Closes the socket and cancels every request; nothing more is sent.
    void stop();
    /// To be called from time to time: notes what has passed since the last look, and ends a
    /// connection that nothing has passed on for idle_timeout though nothing is under way, and one
    /// that began a frame frame_timeout ago and has not ended it (it gets an error).
    void look(std::chrono::steady_clock::time_point now);

private:
    using standing = conversation::standing;
    enum class life { open, draining, lingering, closed };
    enum class incoming {
        quiet,  // nothing to read until the poller says so
        ready,  // there may be bytes
        ending, // there may be, and there is an end behind them
        at_end, // that has been read
    };
    enum class outgoing {
        free,
        blocked, // the socket takes no more; the poller tells when it does
        watched, // it takes some; the poller tells still
    };
    enum class activity { resting, turn_posted, in_turn };

    // poller::listener
    void ready(std::uint32_t events) override;
    // carrier
    std::shared_ptr<void> hold() override { return shared_from_this(); }
    const io_executor& executor() const noexcept override { return executor_; }
    peer_name peer() const noexcept override { return peer_; }
    outbox& out() noexcept override { return out_; }
    void wrote() override;
    void request_ended() override;
    void give_up(std::string_view why) noexcept override;

    bool is_open() const { return life_ != life::closed; }
    std::size_t unread() const;
    bool is_unread_too_much() const
    {
        return outgoing_ == outgoing::blocked && unread() > limits_.max_unread_bytes;
    }

    void take_turn();
    void post_turn();
    void serve(turn& left);
    bool meet();
    bool converse(turn& left);
    bool receive();
    bool was_read(long n);
    void send(turn& left);
    std::size_t send_some();
    void end_if_nobody_reads();
    void wind_up();
    void linger();
    void close();
    void cut_off(std::uint64_t& counted, std::string_view why);

    const io_executor executor_;
    const std::shared_ptr<poller> poller_;
    int socket_;
    const peer_name peer_;
    const dispatcher& dispatcher_;
    connection_counts& counts_;
    const session_limits limits_;
    const logger log_;
    const http_guard* const guard_;
    std::function<void()> on_end_;

    outbox out_;
    std::unique_ptr<conversation> conversation_; // none until the first byte has come
    standing standing_ = standing::hungry;       // the conversation's, when it last worked
    life life_ = life::open;
    incoming incoming_ = incoming::quiet;
    outgoing outgoing_ = outgoing::free;
    activity activity_ = activity::resting;
    bool hung_up_ = false; // nobody is there to read what we send
    connection_times times_;
    io_timer linger_;
};

} // namespace warmd

#pragma once
// One connection: moves frames between a socket and a dispatcher. Knows neither models nor the
// listening socket.

#include "base/config.hpp"
#include "server/connection_times.hpp"
#include "server/poller.hpp"
#include "wire/dispatcher.hpp"
#include "wire/frame.hpp"
#include <warmd/log.hpp>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

namespace warmd {

/// Who is at the other end (SO_PEERCRED).
struct peer_name {
    unsigned uid = 0;
    int pid = 0;

    peer_name(unsigned user, int process = 0) : uid(user), pid(process) {}
};

/// One connection, from accept to the last reply. Everything runs on the socket's executor, which
/// must be serial (invariant 1); so must the callers of its members. Each request runs as a
/// coroutine of its own, stopped by one signal:
/// `$/cancelRequest` (every request in flight with that id, by JSON value and type; none is no
/// error), its own timeout, or the connection's end.
///
/// What bounds it: at most max_in_flight requests run, notifications included, and with them
/// running or with max_queued_output bytes unsent nothing more is read. Notifications to the client
/// other than `$/token` are dropped while that much is unsent; those of subscriptions are counted
/// (request_peer::outlive_reply). Replies to what runs by then may come to max_unread_bytes; then,
/// as after its timeouts, the connection is closed and counted (look()).
///
/// How it ends: the client closes its writing side, or drain(): what has arrived is answered, then
/// the socket is closed. A frame that cannot be read: answered, likewise, after the error. A
/// hang-up or stop(): every request is cancelled at once.
///
/// One readiness of the socket is one read, one parse of each message, and one write of every reply
/// that is there by then.
class session final : public std::enable_shared_from_this<session>, private poller::listener {
public:
    using socket = asio::local::stream_protocol::socket;

    static constexpr std::size_t max_queued_output = 4 * 1024 * 1024;
    static constexpr std::size_t max_kept_peers = 16; ///< subscriptions

    /// The dispatcher must outlive the session. `by` watches the socket, on the socket's executor.
    session(socket connected, peer_name peer, std::shared_ptr<poller> by, const dispatcher&,
            session_limits, logger);
    ~session();

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
    class call;
    struct batch;
    enum class input {
        open,
        refused,
        ended
    }; // refused: a frame could not be read, what follows is thrown away

    void ready(std::uint32_t events) override;
    void work();
    bool start_next();
    void receive();
    void throw_away();
    void end_input();
    bool is_open() const { return socket_ >= 0; }
    bool is_backed_up() const;
    bool is_full() const;
    std::size_t unsent() const { return out_.size() + sending_.size() - sent_; }
    void cut_off(std::uint64_t& counted, std::string_view why);
    std::string peer_text() const;
    void log_end(const call& done, const result<std::string>& reply) const;
    void log_request(std::string_view id_text, std::string_view method,
                     std::string_view outcome) const;
    void make_room();

    void start_message(const rpc::item& message);
    bool answer_at_once(const rpc::request& request);
    void start_call(const rpc::request& request);
    void refuse(const rpc::request& request, const failure& why);
    void finish(const std::shared_ptr<call>& done, std::exception_ptr thrown,
                result<std::string> reply);
    void cancel(const json_node& params);

    void answer(std::string_view id_text, const result<std::string>& reply, batch* within);
    std::size_t begin_reply(batch* within);
    void end_reply(std::size_t start, batch* within);
    void one_done(batch* within);
    bool notify(std::string_view name, std::string_view params);
    void flush_soon();
    void flush();
    void post_flush();
    std::size_t send_some();
    void caught_up();
    void wind_up();
    void linger();
    void close();

    const asio::any_io_executor executor_;
    const std::shared_ptr<poller> poller_;
    int socket_; // ours, not Asio's; -1: closed
    const peer_name peer_;
    const dispatcher& dispatcher_;
    const session_limits limits_;
    const logger log_;
    std::function<void()> on_end_;

    frame_decoder decoder_;
    rpc::reader reader_;            // of the frame under way
    std::shared_ptr<batch> within_; // that frame, if it is a batch
    input input_ = input::open;
    bool readable_ = false; // since the poller said so, no read has found nothing
    bool ending_ = false;   // the poller has said that there is an end to read
    bool hung_up_ = false;
    bool at_end_ = false; // it has been read
    bool working_ = false;
    bool draining_ = false;
    bool paused_ = false; // reading goes on once there is room

    connection_times times_;

    std::unordered_set<std::shared_ptr<call>> calls_; // in flight
    std::vector<std::shared_ptr<call>> kept_;         // answered, but may still notify

    std::string out_;      // replies that are ready
    std::string sending_;  // what the socket has not taken yet
    std::size_t sent_ = 0; // of sending_
    bool blocked_ = false; // the socket takes no more for now
    bool watching_writable_ = false;
    bool flush_posted_ = false;
    bool lingering_ = false;
    asio::steady_timer linger_;
};

} // namespace warmd

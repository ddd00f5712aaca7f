#pragma once
// HTTP/1.1 on one connection: requests are started and answered in their order. Needs no socket.

#include "http/http_guard.hpp"
#include "http/http_inbox.hpp"
#include "http/http_reply.hpp"
#include "http/http_routes.hpp"
#include "wire/conversation.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace warmd {

/// Each request is a call of a method, or several (POST /rpc), carried out as JSON-RPC's are: the
/// same parameters, limits, counts, turns and failures. Requests that are pipelined run together,
/// as many as max_in_flight, and are answered in the order they came in. A hang-up cancels what
/// runs.
///
/// What needs a connection of its own (`$/cancelRequest`, subscribe but on the route that watches,
/// and stream but on routes that stream) is refused by name.
///
/// A response that watches goes on until the connection ends. Events are dropped for a client that
/// does not read, which learns how many once it does.
///
/// Who asked through a proxy that says so (Forwarded, X-Forwarded-For) is nobody's user, whoever
/// runs the proxy; without an Authorization it is told of health as over TCP.
class http_conversation final : public conversation {
public:
    static constexpr std::size_t max_queued_output = 4 * 1024 * 1024;
    static constexpr std::size_t most_watching = 16; ///< responses

    /// `guard`: looks at each request before it is taken; null: the kernel knows who asks.
    http_conversation(carrier& by, const dispatcher& methods, const session_limits& limits,
                      logger log, const http_guard* guard = nullptr);
    ~http_conversation() override;

    std::span<char> space() override { return in_.space(); }
    void filled(std::size_t bytes) override;
    void end_input(inbox::ending) override;
    void refuse_input(const failure& why) override;

    standing work(turn& left) override;
    bool has_room() const noexcept override;
    std::size_t in_flight() const noexcept override { return calls_.size() + watching_.size(); }
    bool in_use() const noexcept override { return in_flight() != 0; }
    std::size_t held_back() const noexcept override { return held_back_; }
    bool in_frame() const noexcept override { return in_.in_request(); }
    std::uint64_t frames() const noexcept override { return in_.requests(); }
    void caught_up() override;
    void stop() override;

private:
    class call;
    struct exchange;
    struct reading;

    std::shared_ptr<http_conversation> self();
    std::size_t written() const noexcept { return out_.unsent() + held_back_; }
    bool is_backed_up() const noexcept { return written() > max_queued_output; }
    standing take_next(turn& left);
    void take(http_request&& request, turn& left);
    void answer_unread(unsigned status, const failure& why);
    standing read_on(turn& left);
    void read_text(turn& left);
    void run(const std::shared_ptr<exchange>& of, const json_node& parameters, turn& left);
    void run_next_message(turn& left);
    void start(const std::shared_ptr<exchange>& of, const rpc::request& what, turn& left);
    void finish(const std::shared_ptr<call>& done, const std::exception_ptr& thrown,
                result<std::string> reply) noexcept;
    void conclude(exchange& of, request_counts& counts, const std::string& id_text, bool notified,
                  result<std::string> reply);
    void append_reply_to(exchange& of, const std::string& id_text, result<std::string> reply);
    void message_done(exchange& of);
    void answer(exchange& of, http_reply reply);
    void send_event(exchange& of, std::string_view data);
    void begin_watch(exchange& of);
    bool send_watched(exchange& of, std::string_view event);
    void end_stream(exchange& of, const result<std::string>& reply);
    bool write_stream(exchange& of);
    void write_what_is_next();
    void log_end(const exchange& of, unsigned status) const;

    carrier& by_;
    outbox& out_; // by_'s
    const dispatcher& dispatcher_;
    const session_limits& limits_;
    const logger log_;
    const http_guard* const guard_;

    http_inbox in_;
    std::size_t unpaid_ = 0;                          // bytes that no turn was charged for yet
    std::deque<std::shared_ptr<exchange>> exchanges_; // not answered, in their order
    std::unique_ptr<reading> reading_;                // of the last one's body
    std::set<std::shared_ptr<call>> calls_;           // in flight
    std::vector<std::shared_ptr<call>> watching_;     // answered, and still told of events
    std::size_t held_back_ = 0; // bytes of answers that wait for those before them
    std::uint64_t number_ = 0;  // of the last request
    bool stopped_ = false;
};

} // namespace warmd

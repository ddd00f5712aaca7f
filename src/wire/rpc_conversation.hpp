#pragma once
// JSON-RPC on one connection: requests are started, cancelled and answered. Needs no socket.

#include "wire/conversation.hpp"

#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// Each request runs as a coroutine of its own, stopped by one signal: `$/cancelRequest` (every
/// request in flight with that id, by JSON value and type; none is no error), its own timeout, or
/// the connection's end.
///
/// What bounds it: at most max_in_flight requests run, notifications included, and with them
/// running, or with max_queued_output bytes unsent or held back, no further message is begun; but a
/// batch is read through whatever its own reply takes, which is at most max_reply_bytes: what does
/// not fit is too_large. Notifications to the client other than `$/token` are dropped while that
/// much is unsent; those of subscriptions are counted (request_peer::outlive_reply).
///
/// A request whose reply cannot be written for want of memory, or because something throws, is an
/// internal_error, and the others go on.
class rpc_conversation final : public conversation {
public:
    static constexpr std::size_t max_queued_output = 4 * 1024 * 1024;
    static constexpr std::size_t max_kept_peers = 16; ///< subscriptions

    rpc_conversation(carrier& by, const dispatcher& methods, const session_limits& limits,
                     logger log);
    ~rpc_conversation() override;

    std::span<char> space() override { return in_.space(); }
    void filled(std::size_t bytes) override;
    void end_input(inbox::ending why) override { in_.end(why); }
    void refuse_input(const failure& why) override;

    standing work(turn& left) override;
    bool has_room() const noexcept override;
    std::size_t in_flight() const noexcept override { return calls_.size(); }
    bool in_use() const noexcept override { return !calls_.empty() || !kept_.empty(); }
    std::size_t held_back() const noexcept override { return held_back_; }
    bool in_frame() const noexcept override { return in_.in_frame(); }
    std::uint64_t frames() const noexcept override { return in_.frames(); }
    void caught_up() override;
    void stop() override;

private:
    class call;
    struct batch;

    bool is_full() const noexcept;
    bool is_backed_up() const noexcept { return out_.unsent() > max_queued_output; }
    std::shared_ptr<rpc_conversation> self();

    void take(const inbox::event& came, turn& left);
    void start(const rpc::request& request, turn& left);
    void start_or_say_why(const rpc::request& request, turn& left);
    std::size_t written() const noexcept { return out_.unsent() + held_back_; }
    bool answer_at_once(const rpc::request& request);
    void start_call(const rpc::request& request);
    void refuse(const rpc::request& request, const failure& why);
    void refuse(const rpc::malformed& message);
    void cancel(const json_node& params, turn& left);
    void finish(const std::shared_ptr<call>& done, const std::exception_ptr& thrown,
                result<std::string> reply) noexcept;
    result<std::string> as_answered(const call& done, const std::exception_ptr& thrown,
                                    result<std::string> reply) const;
    void conclude(const call& done, result<std::string> reply);

    text_queue& begin_reply(batch* within);
    void end_reply(batch* within);
    void take_back(batch* within);
    void answer(std::string_view id_text, result<std::string> reply, batch* within);
    void one_done(batch* within);
    bool notify(std::string_view name, std::string_view params);

    void log_end(const call& done, const result<std::string>& reply) const noexcept;
    void log_request(std::string_view id_text, std::string_view method,
                     std::string_view outcome) const;

    carrier& by_;
    outbox& out_; // by_'s
    const dispatcher& dispatcher_;
    const session_limits& limits_;
    const logger log_;

    inbox in_;
    std::size_t unpaid_ = 0;        // bytes that have come since the last turn was charged for them
    std::shared_ptr<batch> within_; // that is being read
    std::multimap<std::string, std::shared_ptr<call>> calls_; // in flight, by id
    std::vector<std::shared_ptr<call>> kept_;                 // answered, but may still notify
    std::size_t held_back_ = 0;
    bool stopped_ = false;
};

} // namespace warmd

#pragma once
// The daemon's side of what is said with one worker: requests out, replies and notifications in. A
// plain object: no descriptors, no clock, no processes.

#include "worker/reply_frames.hpp"
#include "json/json_document.hpp"
#include <warmd/error.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace warmd::worker {

using request_id = std::uint64_t;

/// Strict: a message that is no reply to what was asked and not answered yet, nor a notification,
/// is a violation, and after it nothing is believed any more.
class conversation {
public:
    static constexpr std::size_t max_frame = std::size_t{64} << 20;
    static constexpr std::size_t max_note = 64 * 1024; ///< a notification is shorter

    struct nothing {};
    /// What it refers to lives until the next call.
    struct reply {
        request_id to;
        result<const json_node*> outcome;
    };
    struct note {
        std::string_view method;
        const json_node* params; ///< an object
    };
    struct violation {
        std::string what; ///< completes "it …"
    };
    using event = std::variant<nothing, reply, note, violation>;

    explicit conversation(std::size_t largest_frame = max_frame) : in_(largest_frame) {}

    /// Appends a request to `out`; its number. `params`: a JSON object.
    request_id ask(std::string_view method, std::string_view params, std::string& out);
    /// Asks the worker to leave a request. It is still to be answered.
    static void cancel(request_id which, std::string& out);
    bool awaits(request_id which) const { return asked_.contains(which); }

    /// Where to read into, and how much of that was filled.
    std::span<char> space() { return in_.space(); }
    void filled(std::size_t bytes) { in_.filled(bytes); }
    /// What the worker has said next.
    event next();

private:
    event understand(std::string_view frame);
    event take_reply(const json_node& message);

    reply_frames in_;
    json_document document_;
    std::set<request_id> asked_; // and not answered
    request_id last_ = 0;
};

/// What `error` of a reply says, as far as a worker may say it; everything else is backend_failed.
failure read_error(const json_node& error);

} // namespace warmd::worker

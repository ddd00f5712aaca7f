#pragma once
// What the bytes on one connection mean: the seam between a connection, which knows sockets, and
// the protocols, which do not.

#include "base/config.hpp"
#include "base/io_thread.hpp"
#include "wire/dispatcher.hpp"
#include "wire/inbox.hpp"
#include "wire/outbox.hpp"
#include <warmd/log.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace warmd {

/// What one connection may do before others have their turn: a millisecond or so, counted in steps
/// of about a nanosecond.
class turn {
public:
    static constexpr std::size_t steps = 1'000'000;
    static constexpr std::size_t a_value = 50;      ///< of a large JSON text, to read it
    static constexpr std::size_t a_message = 2'000; ///< to read one and write its reply
    static constexpr std::size_t a_call = 4'000;    ///< to start what answers in its own time
    static constexpr std::size_t a_byte = 1;        ///< read, written, or thrown away

    void spend(std::size_t so_many) noexcept { left_ -= std::min(so_many, left_); }
    bool over() const noexcept { return left_ == 0; }

private:
    std::size_t left_ = steps;
};

/// Who is at the other end (SO_PEERCRED), and of which connection.
struct peer_name {
    static constexpr unsigned no_user = ~0U; ///< it came over TCP, where nobody tells

    unsigned uid = 0;
    int pid = 0;
    std::uint64_t connection = 0; ///< as request_peer::origin()

    peer_name(unsigned user, int process = 0, std::uint64_t number = 0)
        : uid(user), pid(process), connection(number)
    {
    }
    std::string text() const
    {
        return uid == no_user ? "a client over TCP"
                              : "user " + std::to_string(uid) + ", process " + std::to_string(pid);
    }
};

/// What a conversation needs of the connection that carries it. One thread: all of it, and all of
/// the conversation, runs on the executor.
class carrier {
public:
    /// As long as it is held, this and the conversation it carries live.
    virtual std::shared_ptr<void> hold() = 0;
    virtual const io_executor& executor() const noexcept = 0;
    virtual peer_name peer() const noexcept = 0;
    virtual outbox& out() noexcept = 0;
    /// A notification has been written, outside work().
    virtual void wrote() = 0;
    /// A request has ended, perhaps within work(); its reply has been written.
    virtual void request_ended() = 0;
    /// Nothing more can be said, for want of memory: the connection is closed at once.
    virtual void give_up(std::string_view why) noexcept = 0;

protected:
    ~carrier() = default;
};

/// Reads what the client sends, does what it asks for, and writes to the carrier's outbox. The
/// first byte that a client sends chooses it.
class conversation {
public:
    virtual ~conversation() = default;

    /// Where to read into; never empty. REQUIRES: work() has said `hungry` or `refused`.
    virtual std::span<char> space() = 0;
    /// What has come is charged to the turn of the next work().
    virtual void filled(std::size_t bytes) = 0;
    /// Nothing more will come.
    virtual void end_input(inbox::ending why) = 0;
    /// Writes `why` for an answer; whatever the client still sends means nothing.
    virtual void refuse_input(const failure& why) = 0;

    enum class standing {
        hungry,     ///< has read what there is
        unfinished, ///< the turn is over
        full,       ///< goes on once has_room(): too much is under way or unsent
        ended,      ///< has read all there will be
        refused,    ///< what still comes is thrown away
    };
    /// Does what has been asked for, as far as that goes within this turn. An exception: this
    /// connection is lost.
    virtual standing work(turn& left) = 0;
    virtual bool has_room() const noexcept = 0;

    /// Requests under way.
    virtual std::size_t in_flight() const noexcept = 0;
    /// Whether a quiet client may be one that waits for something.
    virtual bool in_use() const noexcept = 0;
    /// Bytes of replies that are not in the outbox yet because others belong to them.
    virtual std::size_t held_back() const noexcept = 0;
    virtual bool in_frame() const noexcept = 0;
    virtual std::uint64_t frames() const noexcept = 0;

    /// The client has read what was unsent, or much of it.
    virtual void caught_up() = 0;
    /// Cancels what is under way and writes nothing more.
    virtual void stop() = 0;
};

} // namespace warmd

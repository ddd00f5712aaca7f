#pragma once
// What one client sends, as messages. Does no I/O and starts nothing.

#include "wire/frame.hpp"
#include "wire/rpc.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace warmd {

/// Bytes in, JSON-RPC messages out.
///
///     for (;;) { read into space(); filled(n); while (next() is no nothing) …; }    end();
class inbox {
public:
    /// Nothing until more is read.
    struct nothing {};
    /// A large frame is being read, or what that took is given back: it takes several calls.
    struct busy {};
    /// What follows, up to batch_ends, is one batch.
    struct batch_begins {};
    struct batch_ends {};
    /// A frame could not be read, and there is no telling where the next one begins. Said once.
    struct unreadable {
        failure why;
    };
    /// Nothing will come any more.
    struct ended {};
    using event = std::variant<nothing, busy, rpc::request, rpc::malformed, batch_begins,
                               batch_ends, unreadable, ended>;

    /// Why no more bytes come.
    enum class ending {
        by_client, ///< a last line need not end in `\n`
        by_us,     ///< what is not whole was cut off by us, and is no frame
    };

    static constexpr std::size_t large_frame = 64 * 1024;
    static constexpr std::size_t values_in_a_row = 10'000; ///< of a large frame, in one call

    explicit inbox(std::size_t max_frame_bytes) : frames_(max_frame_bytes) {}

    /// Where to read into; never empty. REQUIRES: next() has found nothing, or `ended` after a
    /// refusal.
    std::span<char> space() { return frames_.prepare(); }
    /// The first `bytes` of space() have been filled. After a refusal they are thrown away: a
    /// client whose write failed might never look at the error.
    void filled(std::size_t bytes)
    {
        if (!refused())
            frames_.commit(bytes);
    }
    void end(ending why) noexcept;
    /// No frame is read any more: next() says `ended`, and the memory goes. REQUIRES: next() has
    /// found nothing.
    void refuse();
    /// That has been called, or a frame could not be read; and more may come.
    bool refused() const noexcept { return input_ == input::refused; }

    /// What has come next. A message refers to its frame: it lives until the next call. The memory
    /// that a large frame needed is given back when it has been read through.
    event next();

    /// Once next() has found nothing: a frame has begun and is not whole.
    bool in_frame() const noexcept { return input_ == input::open && frames_.in_frame(); }
    /// How many frames have come whole.
    std::uint64_t frames() const noexcept { return frames_read_; }
    framing kind() const noexcept { return frames_.kind(); }
    /// Bytes of the last frame that has begun to be read.
    std::size_t frame_bytes() const noexcept { return frame_bytes_; }

private:
    enum class input { open, ended_by_client, ended_by_us, refused, ended_after_refusal };
    event next_frame();
    event go_on_reading();
    event begin_messages();

    frame_decoder frames_;
    rpc::reader messages_; // of the frame under way
    enum class reading { no_frame, frame, message, batch } reading_ = reading::no_frame;
    input input_ = input::open;
    std::uint64_t frames_read_ = 0;
    std::size_t frame_bytes_ = 0;
};

} // namespace warmd

#pragma once
// Cuts what a worker writes into frames. It is untrusted, so unlike a client's (wire/frame.hpp) it
// has one framing, and whatever is not that is told in the worker's own words.

#include <warmd/error.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace warmd::worker {

/// "Content-Length: N\r\n\r\n" and N bytes, N at most max_frame; a Content-Type may stand beside
/// it, and nothing else. Holds one frame, and one read more.
class reply_frames {
public:
    static constexpr std::size_t max_header = 256;

    explicit reply_frames(std::size_t max_frame) : max_frame_(max_frame) {}

    /// Where to read into; never empty. Ends the life of frames handed out before.
    std::span<char> space();
    void filled(std::size_t bytes) { end_ += bytes; }

    /// The next frame, or nothing until more is read. backend_failed for what is no frame ("wrote
    /// 'Loading…' where a frame was expected") or a longer one: from then on always.
    result<std::optional<std::string_view>> next();
    /// Whether a frame has begun and is not whole.
    bool in_frame() const noexcept { return begin_ != end_; }

private:
    result<bool> read_header();
    std::string_view pending() const { return {buffer_.data() + begin_, end_ - begin_}; }

    const std::size_t max_frame_;
    std::string buffer_; // [begin_, end_) is not used up
    std::size_t begin_ = 0, end_ = 0;
    std::optional<std::size_t> length_; // of the frame whose header has been read
    std::optional<failure> broken_;
};

/// At most some 80 bytes of what somebody wrote, on one line, for a message.
std::string quoted(std::string_view text);

} // namespace warmd::worker

#pragma once
// What is on its way to one client. Does no I/O.

#include "wire/frame.hpp"
#include "wire/text_queue.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd {

/// Replies, frame by frame, until they are sent. A frame is begun, appended to and ended, or taken
/// back; only whole frames may be sent.
///
///     out.begin(); out.text().tail() += …; out.end(kind);
///     while (!out.next().empty()) out.sent(send(out.next()));
class outbox {
public:
    /// From here on text() is a frame's.
    void begin()
    {
        frame_ = text_.here();
        begun_ = true;
    }
    bool begun() const noexcept { return begun_; }
    text_queue& text() noexcept { return text_; }
    /// That frame is whole.
    void end(framing kind)
    {
        if (kind == framing::json_lines)
            text_.tail() += '\n';
        else
            text_.insert(frame_, content_length_header(text_.since(frame_)));
        begun_ = false;
    }
    /// The same, for one that says itself where it ends.
    void end() noexcept { begun_ = false; }
    /// That frame never was.
    void take_back()
    {
        text_.back_to(frame_);
        begun_ = false;
    }

    /// What to send next; nothing if all is sent. REQUIRES: no frame has been begun and not ended.
    std::string_view next() { return text_.front(); }
    /// So many bytes of next() have been sent. Gives back the memory they took.
    void sent(std::size_t bytes) { text_.use(bytes); }
    std::size_t unsent() const noexcept { return text_.size(); }
    void clear() noexcept
    {
        text_.clear();
        begun_ = false;
    }

private:
    text_queue text_;
    text_queue::place frame_{}; // the begin of the last
    bool begun_ = false;        // and it is not whole yet
};

} // namespace warmd

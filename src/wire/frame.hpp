#pragma once
// Cuts a byte stream into frames and makes frames of replies. Does no I/O and knows no JSON.

#include <warmd/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace warmd {

/// How a connection's frames are told apart; replies are framed like requests.
enum class framing {
    json_lines,     ///< one JSON text per line, `\n` or `\r\n`; blank lines are ignored
    content_length, ///< "Content-Length: N\r\n\r\n" and N bytes (Language Server Protocol 3.17,
                    ///< base protocol)
};

/// Most bytes of header lines before one frame.
inline constexpr std::size_t max_header_bytes = 4096;

/// Cuts what one connection sends into frames. The first byte picks the framing: `{`, `[` or white
/// space means lines, `C` or `c` means Content-Length. Holds at most one frame of max_frame bytes
/// and one read more; looks at each byte once.
///
///     for (;;) { while (frame = next()) use(frame);   read into prepare(); commit(n); }   last();
class frame_decoder {
public:
    explicit frame_decoder(std::size_t max_frame) : max_frame_(max_frame) {}

    /// Where to read into; never empty. Ends the life of frames handed out before.
    /// REQUIRES: next() has found nothing more.
    std::span<char> prepare();
    /// The first `n` bytes of prepare() have been filled.
    void commit(std::size_t n) { end_ += n; }

    /// The next frame, or nothing until more is read. frame_too_large, or parse_error for bytes
    /// that are neither framing: from then on there is no telling where a frame begins, and every
    /// call fails alike.
    result<std::optional<std::string_view>> next();
    /// After the end of input, once next() has found nothing more: a last line need not end in
    /// `\n`. Input that ends within a Content-Length frame is a parse_error.
    result<std::optional<std::string_view>> last();

    /// Gives back the memory that large frames needed, if nothing is held in it. Ends the life of
    /// frames handed out before.
    void give_back();
    /// Drops what is held, and all memory. REQUIRES: no frame is asked for any more.
    void drop();

    /// Once next() has found nothing more: a frame has begun and is not whole.
    bool in_frame() const noexcept { return begin_ != end_ || header_bytes_ != 0; }
    /// Lines until the first byte has come.
    framing kind() const noexcept { return kind_; }
    /// Bytes allocated.
    std::size_t capacity() const noexcept { return capacity_; }

private:
    using found = result<std::optional<std::string_view>>;

    result<void> pick_framing();
    found next_line();
    found next_measured();
    result<void> read_header(std::string_view line);
    std::optional<std::string_view> take_line();
    std::string_view pending() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    failure too_large(std::size_t bytes) const;

    std::size_t max_frame_;
    framing kind_ = framing::json_lines;
    bool picked_ = false;
    std::optional<failure> broken_;

    // buffer_: [0, begin_) used up, [begin_, scanned_) known to hold no '\n', [scanned_, end_) not
    // looked at.
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t scanned_ = 0;
    std::size_t end_ = 0;

    // Content-Length only: the header block under way.
    std::size_t header_bytes_ = 0;
    std::optional<std::size_t> length_;
    bool in_body_ = false;
};

/// "Content-Length: N\r\n\r\n".
class content_length_header {
public:
    explicit content_length_header(std::size_t bytes);
    operator std::string_view() const noexcept { return {text_, size_}; }

private:
    char text_[40];
    std::size_t size_;
};

/// Appends `payload` as one frame. REQUIRES: no line break in it.
void append_frame(std::string& out, framing kind, std::string_view payload);

} // namespace warmd

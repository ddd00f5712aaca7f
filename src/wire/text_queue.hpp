#pragma once
// Text that is made piece by piece and used up from its front, without being copied in between.

#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <string_view>

namespace warmd {

/// A queue of bytes in pieces: it never grows by copying all that it holds, and gives memory back
/// as it is used up. A first small piece is kept for what comes next; those behind it are so large
/// that the allocator gives them back to the system at once (mallopt(3), M_MMAP_THRESHOLD), and not
/// to a heap that something small keeps from shrinking.
class text_queue {
    using pieces = std::list<std::string>;

public:
    static constexpr std::size_t piece_bytes = 64 * 1024; ///< of the first, about
    static constexpr std::size_t large_piece_bytes = 1024 * 1024;

    /// A place between two bytes; good until something before it is used up or taken back.
    struct place {
        pieces::iterator piece;
        std::size_t at;    ///< within the piece
        std::size_t total; ///< bytes appended before it
    };

    text_queue() = default;
    text_queue(text_queue&& other) noexcept : text_queue() { swap(other); }
    text_queue& operator=(text_queue&& other) noexcept
    {
        swap(other);
        return *this;
    }

    /// Where to append. Ends the last piece if that is long enough.
    std::string& tail()
    {
        if (pieces_.empty() || pieces_.back().size() >= piece_bytes)
            begin_piece();
        return pieces_.back();
    }
    /// Appends `text` as a piece of its own.
    void append(std::string&& text);
    /// Appends all of `other`, which is empty then.
    void append(text_queue&& other);

    /// The end.
    place here()
    {
        const std::string& end = tail();
        return {std::prev(pieces_.end()), end.size(), before_last_ + end.size()};
    }
    /// Bytes from there to the end.
    std::size_t since(const place& where) const noexcept
    {
        return before_last_ + last() - where.total;
    }
    void insert(const place& where, std::string_view text);
    /// Takes back what has been appended since.
    void back_to(const place& where);

    std::size_t size() const noexcept { return before_last_ + last() - used_; }
    bool empty() const noexcept { return size() == 0; }

    /// The first bytes; all there are, or a piece of them.
    std::string_view front();
    /// So many bytes of front() have done their duty.
    void use(std::size_t bytes);
    void clear() noexcept;

private:
    static constexpr std::size_t kept_bytes = 2 * piece_bytes;
    void begin_piece();
    bool last_is_long_enough() const noexcept;
    void drop_used_pieces();
    void swap(text_queue& other) noexcept;
    std::size_t last() const noexcept { return pieces_.empty() ? 0 : pieces_.back().size(); }

    pieces pieces_;
    std::size_t before_last_ = 0; // bytes of all pieces but the last
    std::size_t used_ = 0;        // of the first
};

} // namespace warmd

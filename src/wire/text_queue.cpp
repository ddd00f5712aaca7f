#include "wire/text_queue.hpp"

#include <utility>

namespace warmd {

void text_queue::begin_piece()
{
    if (pieces_.empty()) {
        pieces_.emplace_back();
    } else if (last_is_long_enough()) {
        std::string large;
        large.reserve(large_piece_bytes);
        append(std::move(large));
    }
}

bool text_queue::last_is_long_enough() const noexcept
{
    const bool large = pieces_.back().capacity() >= large_piece_bytes;
    return last() >= (large ? large_piece_bytes - piece_bytes : piece_bytes);
}

void text_queue::append(std::string&& text)
{
    const std::size_t ended = last();
    pieces_.push_back(std::move(text));
    before_last_ += ended;
}

void text_queue::append(text_queue&& other)
{
    if (other.empty())
        return other.clear();
    other.pieces_.front().erase(0, std::exchange(other.used_, 0));
    before_last_ += last() + std::exchange(other.before_last_, 0);
    pieces_.splice(pieces_.end(), other.pieces_);
}

void text_queue::insert(const place& where, std::string_view text)
{
    where.piece->insert(where.at, text);
    if (where.piece != std::prev(pieces_.end()))
        before_last_ += text.size();
}

void text_queue::back_to(const place& where)
{
    pieces_.erase(std::next(where.piece), pieces_.end());
    where.piece->resize(where.at);
    before_last_ = where.total - where.at;
}

std::string_view text_queue::front()
{
    drop_used_pieces();
    return pieces_.empty() ? std::string_view() : std::string_view(pieces_.front()).substr(used_);
}

void text_queue::use(std::size_t bytes)
{
    used_ += bytes;
    drop_used_pieces();
}

void text_queue::drop_used_pieces()
{
    while (!pieces_.empty() && pieces_.front().size() == used_) {
        used_ = 0;
        std::string& first = pieces_.front();
        if (pieces_.size() == 1 && first.capacity() <= kept_bytes)
            return first.clear();
        before_last_ -= pieces_.size() == 1 ? 0 : first.size();
        pieces_.pop_front();
    }
}

void text_queue::clear() noexcept
{
    pieces_.clear();
    before_last_ = used_ = 0;
}

void text_queue::swap(text_queue& other) noexcept
{
    pieces_.swap(other.pieces_);
    std::swap(before_last_, other.before_last_);
    std::swap(used_, other.used_);
}

} // namespace warmd

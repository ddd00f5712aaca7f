#include "worker/reply_frames.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace warmd::worker {

namespace {

constexpr std::size_t least_space = 64 * 1024;
/// A frame larger than this gives its memory back.
constexpr std::size_t kept = 1024 * 1024;

bool is_called(std::string_view line, std::string_view name)
{
    return line.size() > name.size() && line[name.size()] == ':' &&
           std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
               return a == std::tolower(static_cast<unsigned char>(b));
           });
}

std::optional<std::size_t> number_behind(std::string_view line, std::size_t at)
{
    line.remove_prefix(at);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::size_t number = 0;
    const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), number);
    return ec == std::errc() && end == line.data() + line.size() ? std::optional(number)
                                                                 : std::nullopt;
}

failure no_frame(std::string_view found)
{
    return {errc::backend_failed,
            "it wrote " + quoted(found) + " to its standard output where a frame was expected"};
}

} // namespace

std::string quoted(std::string_view text)
{
    constexpr std::size_t most = 80;
    std::string shown = "'";
    for (const char c : text.substr(0, most))
        shown += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' '
                 : static_cast<unsigned char>(c) < 0x80           ? c
                                                                  : '?';
    return shown + (text.size() > most ? "…'" : "'");
}

std::span<char> reply_frames::space()
{
    if (begin_ == end_ && buffer_.size() > kept)
        buffer_ = std::string();
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= std::exchange(begin_, 0);
    const std::size_t wanted = std::max(end_ + least_space, length_.value_or(0));
    if (buffer_.size() < wanted)
        buffer_.resize(std::max(wanted, std::min(2 * buffer_.size(), max_frame_)));
    return {buffer_.data() + end_, buffer_.size() - end_};
}

result<std::optional<std::string_view>> reply_frames::next()
{
    if (broken_)
        return *broken_;
    if (!length_) {
        const auto whole = read_header();
        if (!whole)
            return broken_.emplace(whole.error());
        if (!*whole)
            return std::optional<std::string_view>();
    }
    if (end_ - begin_ < *length_)
        return std::optional<std::string_view>();
    const std::string_view frame = pending().substr(0, *length_);
    begin_ += frame.size();
    length_.reset();
    return std::optional(frame);
}

/// False: it is not whole yet. What cannot become one is refused at once, so that a line that
/// somebody printed is not waited for.
result<bool> reply_frames::read_header()
{
    constexpr std::string_view first = "content-length", other = "content-type", end = "\r\n\r\n";
    const std::string_view text = pending();
    if (text.empty())
        return false;
    const char letter = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    const std::size_t size = text.find(end);
    if (letter != 'c' || (size == text.npos && text.size() > max_header) ||
        (size != text.npos && size > max_header))
        return no_frame(text.substr(0, text.find('\n')));
    const std::size_t line_end = text.find('\n');
    if (line_end != text.npos && (line_end == 0 || text[line_end - 1] != '\r'))
        return no_frame(text.substr(0, line_end));
    if (size == text.npos)
        return false;
    std::string_view left = text.substr(0, size);
    while (!left.empty()) {
        const std::string_view line = left.substr(0, left.find("\r\n"));
        left.remove_prefix(std::min(line.size() + 2, left.size()));
        const auto number =
            is_called(line, first) ? number_behind(line, first.size() + 1) : std::nullopt;
        if (number ? length_.has_value() : !is_called(line, other))
            return no_frame(line);
        if (number)
            length_ = number;
    }
    if (!length_)
        return no_frame(text.substr(0, size));
    if (*length_ > max_frame_)
        return failure{errc::backend_failed, "it began a frame of " + std::to_string(*length_) +
                                                 " bytes; at most " + std::to_string(max_frame_) +
                                                 " are allowed"};
    begin_ += size + end.size();
    return true;
}

} // namespace warmd::worker

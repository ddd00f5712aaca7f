#include "wire/frame.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

namespace warmd {

namespace {

constexpr std::size_t first_capacity = 16 * 1024;
constexpr std::size_t least_space =
    4 * 1024; // a read smaller than this is not worth its system call
constexpr std::size_t kept_capacity = 256 * 1024; // more is given back as soon as it is empty

failure unreadable(std::string detail) { return failure{errc::parse_error, std::move(detail)}; }

bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_space(text.back()))
        text.remove_suffix(1);
    return text;
}

bool blank(std::string_view line)
{
    return std::all_of(line.begin(), line.end(), [](char c) { return is_space(c) || c == '\r'; });
}

bool is_content_length(std::string_view name)
{
    constexpr std::string_view wanted = "content-length";
    if (name == "Content-Length") // nearly always
        return true;
    return std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), [](char a, char b) {
        return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b);
    });
}

/// A header name as HTTP has it (RFC 9110 §5.6.2, token).
bool is_name(std::string_view text)
{
    const auto allowed = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("!#$%&'*+-.^_`|~", c);
    };
    return !text.empty() && text.find('\0') == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), allowed);
}

} // namespace

std::span<char> frame_decoder::prepare()
{
    give_back();
    const std::size_t held = end_ - begin_;
    if (capacity_ - end_ < least_space) {
        // Moving costs no more than the bytes used up since the last move, growing no more than
        // those held: linear in all.
        if (begin_ >= held && capacity_ - held >= least_space) {
            std::memmove(buffer_.get(), buffer_.get() + begin_, held);
        } else {
            const std::size_t most =
                std::max(max_frame_, max_header_bytes) + 2 + least_space; // 2: "\r\n"
            const std::size_t wanted = std::max(first_capacity, 2 * (held + least_space));
            capacity_ = std::max(std::min(wanted, most), held + least_space);
            auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
            if (held != 0)
                std::memcpy(larger.get(), buffer_.get() + begin_, held);
            buffer_ = std::move(larger);
        }
        scanned_ -= begin_;
        begin_ = 0;
        end_ = held;
    }
    return {buffer_.get() + end_, capacity_ - end_};
}

void frame_decoder::give_back()
{
    if (begin_ != end_)
        return;
    begin_ = scanned_ = end_ = 0;
    if (capacity_ > kept_capacity) {
        buffer_.reset();
        capacity_ = 0;
    }
}

void frame_decoder::drop()
{
    begin_ = end_;
    give_back();
    header_bytes_ = 0;
    buffer_.reset();
    capacity_ = 0;
}

result<std::optional<std::string_view>> frame_decoder::next()
{
    if (broken_)
        return *broken_;
    if (begin_ == end_)
        return std::nullopt;
    if (auto picked = pick_framing(); !picked)
        return *(broken_ = picked.error());
    auto frame = kind_ == framing::json_lines ? next_line() : next_measured();
    if (!frame)
        broken_ = frame.error();
    return frame;
}

result<std::optional<std::string_view>> frame_decoder::last()
{
    if (broken_)
        return *broken_;
    const std::string_view rest = pending();
    if (kind_ == framing::content_length && (in_body_ || header_bytes_ != 0 || !rest.empty())) {
        const std::string where =
            in_body_ ? "a frame of " + std::to_string(*length_) + " bytes" : "a header block";
        return *(broken_ = unreadable("the input ended within " + where + ", after " +
                                      std::to_string(rest.size())));
    }
    begin_ = scanned_ = end_;
    if (blank(rest))
        return std::nullopt;
    return rest;
}

result<void> frame_decoder::pick_framing()
{
    if (picked_)
        return {};
    const char first = buffer_[begin_];
    if (first == 'C' || first == 'c')
        kind_ = framing::content_length;
    else if (!std::strchr("{[ \t\r\n", first) || first == '\0')
        return unreadable("the first byte, " + std::to_string(static_cast<unsigned char>(first)) +
                          ", begins neither a JSON text ('{', '[') nor a Content-Length header; "
                          "HTTP is not spoken here");
    picked_ = true;
    return {};
}

/// The next whole line without its '\n'.
std::optional<std::string_view> frame_decoder::take_line()
{
    const char* const from = buffer_.get() + scanned_;
    const void* const newline =
        end_ == scanned_ ? nullptr : std::memchr(from, '\n', end_ - scanned_);
    if (!newline) {
        scanned_ = end_;
        return std::nullopt;
    }
    const char* const start = buffer_.get() + begin_;
    const std::string_view line(
        start, static_cast<std::size_t>(static_cast<const char*>(newline) - start));
    begin_ = scanned_ = begin_ + line.size() + 1;
    return line;
}

frame_decoder::found frame_decoder::next_line()
{
    const auto without_return = [](std::string_view line) {
        return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    };
    while (const auto line = take_line()) {
        const std::string_view frame = without_return(*line);
        if (frame.size() > max_frame_)
            return too_large(frame.size());
        if (!blank(frame))
            return frame;
    }
    if (const std::size_t so_far = without_return(pending()).size(); so_far > max_frame_)
        return too_large(so_far);
    return std::nullopt;
}

frame_decoder::found frame_decoder::next_measured()
{
    while (!in_body_) {
        const auto line = take_line();
        if (header_bytes_ + (line ? line->size() + 1 : pending().size()) > max_header_bytes)
            return unreadable("header lines of more than " + std::to_string(max_header_bytes) +
                              " bytes");
        if (!line)
            return std::nullopt;
        header_bytes_ += line->size() + 1;
        if (!line->ends_with('\r'))
            return unreadable("a header line does not end in \\r\\n");
        if (auto read = read_header(line->substr(0, line->size() - 1)); !read)
            return read.error();
    }
    if (end_ - begin_ < *length_)
        return std::nullopt;
    const std::string_view frame = pending().substr(0, *length_);
    begin_ = scanned_ = begin_ + *length_;
    header_bytes_ = 0;
    length_.reset();
    in_body_ = false;
    return frame;
}

result<void> frame_decoder::read_header(std::string_view line)
{
    if (line.empty()) {
        if (!length_)
            return unreadable("a header block without Content-Length");
        in_body_ = true;
        return {};
    }
    const std::size_t colon = line.find(':');
    const bool names_length =
        colon != std::string_view::npos && is_content_length(line.substr(0, colon));
    if (!names_length && (colon == std::string_view::npos || !is_name(line.substr(0, colon))))
        return unreadable("a header line is not of the form 'Name: value'");
    if (!names_length)
        return {};
    if (length_)
        return unreadable("Content-Length stands twice before one frame");
    const std::string_view digits = trimmed(line.substr(colon + 1));
    std::size_t bytes = 0;
    const auto [behind, trouble] =
        std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
    if (digits.empty() || behind != digits.data() + digits.size())
        return unreadable("Content-Length is not a number of bytes in decimal digits");
    if (trouble != std::errc{})
        bytes = static_cast<std::size_t>(-1);
    if (bytes > max_frame_)
        return too_large(bytes);
    length_ = bytes;
    return {};
}

failure frame_decoder::too_large(std::size_t bytes) const
{
    return failure{errc::frame_too_large, "a frame of " + std::to_string(bytes) +
                                              " bytes or more exceeds the limit of " +
                                              std::to_string(max_frame_) + " (max_frame_bytes)"};
}

content_length_header::content_length_header(std::size_t bytes)
{
    constexpr std::string_view name = "Content-Length: ", end = "\r\n\r\n";
    char* const digits = std::copy(name.begin(), name.end(), text_);
    char* const behind = std::to_chars(digits, digits + 20, bytes).ptr;
    size_ = static_cast<std::size_t>(std::copy(end.begin(), end.end(), behind) - text_);
}

void append_frame(std::string& out, framing kind, std::string_view payload)
{
    if (kind == framing::content_length)
        out += content_length_header(payload.size());
    out += payload;
    if (kind == framing::json_lines)
        out += '\n';
}

} // namespace warmd

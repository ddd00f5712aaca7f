#include "http/http_inbox.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>

#include <utility>

namespace warmd {

namespace {

constexpr std::size_t least_space = 16 * 1024;
/// What may stand unparsed: a header, or the line before a chunk.
constexpr std::size_t most_unparsed = 2 * http_inbox::max_header_bytes;
constexpr std::size_t kept_bytes = 64 * 1024; // of memory, between requests

} // namespace

std::span<char> http_inbox::space()
{
    if (begin_ != 0) {
        bytes_.erase(0, begin_);
        end_ -= std::exchange(begin_, 0);
    }
    if (end_ == 0 && bytes_.capacity() > kept_bytes)
        bytes_ = {};
    if (bytes_.size() < end_ + least_space)
        bytes_.resize(end_ + least_space);
    return {bytes_.data() + end_, bytes_.size() - end_};
}

void http_inbox::filled(std::size_t bytes)
{
    if (!refused_)
        end_ += bytes;
}

void http_inbox::refuse()
{
    refused_ = true;
    parser_.reset();
    begin_ = end_ = 0;
}

http_inbox::unreadable http_inbox::refused_with(unsigned status, errc code, std::string detail)
{
    refuse();
    return {status, {code, std::move(detail)}};
}

http_inbox::unreadable http_inbox::refused_for(const boost::system::error_code& why)
{
    using beast_http::error;
    if (why == error::header_limit)
        return refused_with(431, errc::frame_too_large,
                            "the header is larger than " + std::to_string(max_header_bytes) +
                                " bytes");
    if (why == error::body_limit)
        return refused_with(413, errc::frame_too_large,
                            "the body is larger than max_frame_bytes, which is " +
                                std::to_string(max_body_bytes_));
    return refused_with(400, errc::parse_error, "this is no HTTP request: " + why.message());
}

void http_inbox::begin_request()
{
    parser_.emplace();
    parser_->header_limit(max_header_bytes);
    parser_->body_limit(max_body_bytes_);
    parser_->eager(true);
    looked_at_header_ = false;
}

/// What Beast lets pass.
std::optional<http_inbox::unreadable> http_inbox::fault_of_header()
{
    using beast_http::field;
    looked_at_header_ = true;
    const auto& header = parser_->get();
    if (header.version() == 11 && header.count(field::host) != 1)
        return refused_with(400, errc::invalid_request, "a request has exactly one Host");
    if (header.count(field::transfer_encoding) != 0) {
        if (header.version() == 10 || header.count(field::content_length) != 0)
            return refused_with(400, errc::invalid_request,
                                "the body's length is said in two ways");
        if (header.count(field::transfer_encoding) != 1 ||
            !boost::beast::iequals(header[field::transfer_encoding], "chunked"))
            return refused_with(501, errc::unsupported,
                                "the only transfer coding read here is chunked");
    }
    if (header.count(field::expect) != 0 &&
        !boost::beast::iequals(header[field::expect], "100-continue"))
        return refused_with(417, errc::unsupported,
                            "the only expectation met here is 100-continue");
    return std::nullopt;
}

http_inbox::event http_inbox::next()
{
    if (refused_)
        return at_end_ ? event(ended{}) : nothing{};
    while (!parser_ && unread().starts_with("\r\n")) // RFC 9112 §2.2
        begin_ += 2;
    if (!parser_ && (begin_ == end_ || unread() == "\r"))
        return at_end_ ? event(ended{}) : nothing{};
    if (!parser_)
        begin_request();
    boost::system::error_code ec;
    const std::string_view has_come = unread();
    begin_ += parser_->put(boost::asio::buffer(has_come.data(), has_come.size()), ec);
    if (parser_->is_header_done() && !looked_at_header_) {
        if (auto fault = fault_of_header())
            return *fault;
        if (parser_->get().count(beast_http::field::expect) != 0 && !parser_->is_done())
            return waits_to_send{};
    }
    if (ec && ec != beast_http::error::need_more)
        return refused_for(ec);
    if (parser_->is_done()) {
        http_request whole = parser_->release();
        parser_.reset();
        ++requests_;
        return whole;
    }
    if (end_ - begin_ > most_unparsed)
        return refused_with(400, errc::parse_error, "a line between two chunks has no end");
    return at_end_ ? event(ended{}) : nothing{};
}

} // namespace warmd

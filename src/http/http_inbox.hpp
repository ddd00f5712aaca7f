#pragma once
// What one client sends, as HTTP requests (RFC 9112). Does no I/O and starts nothing.

#include <warmd/error.hpp>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace warmd {

namespace beast_http = boost::beast::http;
using http_request = beast_http::request<beast_http::string_body>;

/// Bytes in, requests out; boost::beast parses.
///
///     for (;;) { read into space(); filled(n); while (next() is no nothing) …; }    end();
///
/// Refused, because another reader of the same bytes might see other requests in them (request
/// smuggling, RFC 9112 §11.2): a length beside a transfer coding, lengths that differ, a coding
/// other than `chunked`, a coding in HTTP/1.0, not exactly one Host in HTTP/1.1.
class http_inbox {
public:
    /// Nothing until more is read.
    struct nothing {};
    /// The client waits for "100 Continue" before it sends the body. Said once for a request.
    struct waits_to_send {};
    /// No telling where the next request begins. Said once.
    struct unreadable {
        unsigned status;
        failure why;
    };
    /// Nothing will come any more.
    struct ended {};
    using event = std::variant<nothing, waits_to_send, http_request, unreadable, ended>;

    static constexpr std::size_t max_header_bytes = 16 * 1024; ///< the line of the request included

    explicit http_inbox(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

    /// Where to read into; never empty. REQUIRES: next() has found nothing, or refused().
    std::span<char> space();
    /// The first `bytes` of space() have been filled. After a refusal they are thrown away.
    void filled(std::size_t bytes);
    void end() noexcept { at_end_ = true; }
    /// No request is read any more, and what still comes is thrown away.
    void refuse();
    /// Whether more may come that is thrown away.
    bool refused() const noexcept { return refused_ && !at_end_; }

    /// What has come next. What is not whole when the client ends was no request.
    event next();

    /// A request has begun and is not whole.
    bool in_request() const noexcept { return !refused_ && (parser_ || begin_ != end_); }
    /// How many have come whole.
    std::uint64_t requests() const noexcept { return requests_; }

private:
    using parser = beast_http::request_parser<beast_http::string_body>;
    std::string_view unread() const noexcept { return {bytes_.data() + begin_, end_ - begin_}; }
    void begin_request();
    std::optional<unreadable> fault_of_header();
    unreadable refused_with(unsigned status, errc code, std::string detail);
    unreadable refused_for(const boost::system::error_code& why);

    const std::size_t max_body_bytes_;
    std::string bytes_; // [begin_, end_) have come and are not parsed
    std::size_t begin_ = 0, end_ = 0;
    std::optional<parser> parser_; // of the request that has begun
    bool looked_at_header_ = false;
    bool refused_ = false, at_end_ = false;
    std::uint64_t requests_ = 0;
};

} // namespace warmd

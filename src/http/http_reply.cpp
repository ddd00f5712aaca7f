#include "http/http_reply.hpp"

#include <warmd/json_writer.hpp>

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>

namespace warmd {

namespace {

namespace beast_http = boost::beast::http;

std::string_view type_of(unsigned status) noexcept
{
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
    }
}

/// RFC 9110 §5.6.7.
std::string date_now()
{
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[40];
    return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

} // namespace

unsigned status_of(errc code) noexcept
{
    switch (code) {
    case errc::parse_error:
    case errc::invalid_request:
    case errc::invalid_params: return 400;
    case errc::permission_denied: return 403;
    case errc::method_not_found:
    case errc::not_found: return 404;
    case errc::too_large:
    case errc::frame_too_large: return 413;
    case errc::busy: return 429;
    case errc::cancelled:
    case errc::disconnected: return 499;
    case errc::unsupported: return 501;
    case errc::all_pinned:
    case errc::shutting_down: return 503;
    case errc::timeout: return 504;
    case errc::load_failed:
    case errc::backend_failed:
    case errc::internal_error: return 500;
    }
    return 500;
}

http_reply failed(unsigned status, const failure& why)
{
    http_reply made{.status = status, .body = {}};
    json_writer to(made.body);
    to.begin_object().key("error").begin_object();
    to.member("message", why.detail);
    to.member("type", type_of(status));
    if (why.param.empty())
        to.member("param", nullptr);
    else
        to.member("param", why.param);
    to.member("code", name(why.code));
    if (!why.cause.empty())
        to.member("cause", why.cause);
    to.end_object().end_object();
    if (why.retry_after_seconds)
        made.fields.emplace_back(
            "Retry-After",
            std::to_string(static_cast<long>(std::ceil(std::max(*why.retry_after_seconds, 0.0)))));
    else if (status == 429 || status == 503)
        made.fields.emplace_back("Retry-After", "1");
    return made;
}

/// An operation that is not built is 501, a parameter of one that is, a bad request.
http_reply failed(const failure& why)
{
    const bool of_a_parameter = why.code == errc::unsupported && !why.param.empty();
    return failed(of_a_parameter ? 400 : status_of(why.code), why);
}

namespace {

using head_of_reply = beast_http::response<beast_http::empty_body>;

/// What every response has.
head_of_reply head_for(unsigned status, const http_manner& how)
{
    head_of_reply head;
    head.version(how.version);
    head.result(status);
    head.set(beast_http::field::date, date_now());
    head.set(beast_http::field::server, "warmd");
    head.set("x-request-id", how.id);
    if (!how.origin.empty()) {
        head.set(beast_http::field::access_control_allow_origin, how.origin);
        head.set(beast_http::field::vary, "Origin");
    }
    return head;
}

void append_head(text_queue& out, head_of_reply& head)
{
    beast_http::response_serializer<beast_http::empty_body> pieces(head);
    pieces.split(true);
    while (!pieces.is_header_done()) {
        boost::system::error_code ec;
        pieces.next(ec, [&](boost::system::error_code&, const auto& buffers) {
            for (const auto each : boost::beast::buffers_range_ref(buffers))
                out.tail().append(static_cast<const char*>(each.data()), each.size());
            pieces.consume(boost::beast::buffer_bytes(buffers));
        });
    }
}

} // namespace

void append_reply(text_queue& out, http_reply&& reply, const http_manner& how)
{
    head_of_reply head = head_for(reply.status, how);
    for (const auto& [name, value] : reply.fields)
        head.set(name, value);
    if (reply.status != 204) {
        head.set(beast_http::field::content_type, reply.type);
        head.content_length(reply.body.size());
    }
    head.keep_alive(how.keeps_alive);
    append_head(out, head);
    if (how.head_only || reply.status == 204)
        return;
    if (reply.body.size() < text_queue::piece_bytes)
        out.tail() += reply.body;
    else
        out.append(std::move(reply.body));
}

void append_stream_head(text_queue& out, const http_manner& how)
{
    head_of_reply head = head_for(200, how);
    head.set(beast_http::field::content_type, "text/event-stream");
    head.set(beast_http::field::cache_control, "no-cache");
    head.chunked(true);
    head.keep_alive(how.keeps_alive);
    append_head(out, head);
}

void append_stream_piece(text_queue& out, std::string_view piece)
{
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, piece.size(), 16).ptr;
    out.tail().append(digits, end).append("\r\n").append(piece).append("\r\n");
}

void append_stream_end(text_queue& out) { out.tail() += "0\r\n\r\n"; }

std::string event_of(std::string_view data) { return "data: " + std::string(data) + "\n\n"; }

} // namespace warmd

#include "http/http_reply.hpp"

#include <warmd/json_writer.hpp>

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>

#include <algorithm>
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
    to.member("param", nullptr);
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

http_reply failed(const failure& why) { return failed(status_of(why.code), why); }

void append_reply(text_queue& out, http_reply&& reply, const http_manner& how)
{
    using beast_http::field;
    beast_http::response<beast_http::empty_body> head;
    head.version(how.version);
    head.result(reply.status);
    head.set(field::date, date_now());
    head.set(field::server, "warmd");
    head.set("x-request-id", how.id);
    for (const auto& [name, value] : reply.fields)
        head.set(name, value);
    if (reply.status != 204) {
        head.set(field::content_type, reply.type);
        head.content_length(reply.body.size());
    }
    head.keep_alive(how.keeps_alive);
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
    if (how.head_only || reply.status == 204)
        return;
    if (reply.body.size() < text_queue::piece_bytes)
        out.tail() += reply.body;
    else
        out.append(std::move(reply.body));
}

} // namespace warmd

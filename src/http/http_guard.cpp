#include "http/http_guard.hpp"

#include "http/http_routes.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace warmd {

namespace {

using beast_http::field;

/// "localhost:8080" without its port, "[::1]:8080" without its brackets too.
std::string_view name_of(std::string_view host)
{
    if (host.starts_with('['))
        return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.rfind(':'));
}

bool is_loopback(std::string_view host)
{
    const std::string_view name = name_of(host);
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(std::string(name), ec);
    return ec ? boost::beast::iequals(name, "localhost") : address.is_loopback();
}

/// What a browser asks before it lets a page ask (Fetch, CORS preflight).
bool is_preflight(const http_request& request)
{
    return request.method() == beast_http::verb::options &&
           request.find(field::access_control_request_method) != request.end();
}

http_reply preflight_answer()
{
    return {.status = 204,
            .body = {},
            .fields = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"},
                       {"Access-Control-Allow-Headers",
                        "Authorization, Content-Type, X-Request-Id, X-Warmd-Keep-Alive"},
                       {"Access-Control-Max-Age", "600"}}};
}

} // namespace

bool asks_for_health(const http_request& request)
{
    const auto method = request.method();
    return (method == beast_http::verb::get || method == beast_http::verb::head) &&
           request.target() == "/health";
}

bool same_secret(std::string_view a, std::string_view b) noexcept
{
    unsigned differs = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i != a.size(); ++i)
        differs |= static_cast<unsigned char>(a[i]) ^
                   static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
    return differs == 0;
}

std::string_view http_guard::named_origin(const http_request& request) const
{
    const std::string_view origin = request[field::origin];
    const auto found = std::find(origins_.begin(), origins_.end(), origin);
    if (found != origins_.end())
        return *found;
    constexpr std::string_view scheme = "http://";
    const std::string_view host = request[field::host];
    const bool own =
        origin.starts_with(scheme) && origin.substr(scheme.size()) == host && is_loopback(host);
    return own ? origin : std::string_view();
}

bool http_guard::has_token(const http_request& request) const
{
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view said = request[field::authorization];
    return said.size() > scheme.size() &&
           boost::beast::iequals(said.substr(0, scheme.size()), scheme) &&
           same_secret(said.substr(scheme.size()), token_);
}

bool http_guard::may_know_status_only(const http_request& request) const
{
    return asks_for_health(request) && !has_token(request);
}

std::optional<http_reply> http_guard::answer_instead(const http_request& request) const
{
    if (!is_loopback(request[field::host]))
        return failed(
            421, {errc::permission_denied, "this is a loopback address, and Host must name one"});
    if (request.find(field::origin) != request.end()) {
        if (named_origin(request).empty())
            return failed(403, {errc::permission_denied,
                                "pages of this origin may not ask (--http-allow-origin)"});
        if (is_preflight(request))
            return preflight_answer();
    }
    if (has_token(request) || asks_for_health(request) || asks_for_page(request))
        return {};
    http_reply reply =
        failed(401, {errc::permission_denied, "the header Authorization must be Bearer and the "
                                              "daemon's token: http-token beside its socket"});
    reply.fields.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

} // namespace warmd

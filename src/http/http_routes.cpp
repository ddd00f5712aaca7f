#include "http/http_routes.hpp"

#include "http/model_list.hpp"
#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <charconv>
#include <optional>

namespace warmd {

namespace {

using beast_http::verb;

http_reply health(std::string result, std::string_view)
{
    const json::value read = json::parse(result);
    const bool takes_requests =
        read.at("ready").as_bool() && read.at("status").as_string() != "draining";
    return {.status = takes_requests ? 200U : 503U, .body = std::move(result)};
}

http_reply metrics(std::string result, std::string_view)
{
    const json::value read = json::parse(result);
    const auto member = [&](const char* name) { return std::string(read.at(name).as_string()); };
    return {.body = member("text"), .type = member("content_type")};
}

constexpr http_route table[] = {
    {.verb = verb::get,
     .path = "/health",
     .doc = "the method health; 503 while no requests are taken",
     .method = "health",
     .respond = health},
    {.verb = verb::get,
     .path = "/metrics",
     .doc = "for Prometheus",
     .method = "metrics",
     .respond = metrics},
    {.verb = verb::get,
     .path = "/v1/models",
     .doc = "the models that have names, and those that are resident",
     .method = "models",
     .respond = model_list},
    {.verb = verb::get,
     .path = "/v1/models/",
     .doc = "one of them",
     .method = "models",
     .respond = one_model},
    {.verb = verb::post,
     .path = "/v1/completions",
     .doc = "continues prompts; their own tokens' logprobs with echo or prompt_logprobs",
     .takes = http_route::body::parameters,
     .method = "completions",
     .streams = true},
    {.verb = verb::post,
     .path = "/v1/chat/completions",
     .doc = "answers a conversation, which the model's own chat template writes",
     .takes = http_route::body::parameters,
     .method = "chat_completions",
     .streams = true},
    {.verb = verb::post,
     .path = "/rpc",
     .doc = "one JSON-RPC request, or an array of them; the status says nothing of their success",
     .takes = http_route::body::messages},
    {.verb = verb::post,
     .path = "/rpc/",
     .doc = "the method of that name: parameters in, result out",
     .takes = http_route::body::parameters},
};

std::optional<unsigned> digit(char c)
{
    unsigned value = 0;
    const auto [end, fault] = std::from_chars(&c, &c + 1, value, 16);
    return end == &c ? std::nullopt : std::optional(value);
}

/// RFC 3986 §2.1. Nothing: a '%' that is not followed by two digits.
std::optional<std::string> decoded(std::string_view text)
{
    std::string plain;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        if (text.size() - i < 3)
            return std::nullopt;
        const auto high = digit(text[i + 1]), low = digit(text[i + 2]);
        if (!high || !low)
            return std::nullopt;
        plain += static_cast<char>(*high << 4U | *low);
        i += 2;
    }
    return plain;
}

/// Without the authority that a proxy is told, and without a query.
std::string_view path_of(std::string_view target)
{
    if (target.starts_with("http://")) {
        const std::size_t path = target.find('/', 7);
        target = path == target.npos ? "/" : target.substr(path);
    }
    return target.substr(0, target.find('?'));
}

/// What follows the path; nothing: this route is for others.
std::optional<std::string_view> argument_of(const http_route& route, std::string_view path)
{
    if (!route.path.ends_with('/'))
        return path == route.path ? std::optional<std::string_view>("") : std::nullopt;
    if (!path.starts_with(route.path) || path.size() == route.path.size())
        return std::nullopt;
    return path.substr(route.path.size());
}

} // namespace

std::span<const http_route> http_routes() noexcept { return table; }

std::variant<routed, http_reply> route_of(const http_request& request)
{
    const std::string_view path = path_of(request.target());
    const verb asked = request.method() == verb::head ? verb::get : request.method();
    std::string allowed;
    for (const http_route& route : table) {
        const auto argument = argument_of(route, path);
        if (!argument)
            continue;
        if (route.verb == asked) {
            auto plain = decoded(*argument);
            if (!plain)
                return failed({errc::invalid_request, "a '%' in the path is followed by two "
                                                      "hexadecimal digits: " +
                                                          shortened(path)});
            return routed{&route, std::move(*plain)};
        }
        allowed += allowed.empty() ? "" : ", ";
        allowed += route.verb == verb::get ? "GET, HEAD" : "POST";
    }
    if (allowed.empty() && !(path == "*" && asked == verb::options))
        return failed(404, {errc::not_found, "there is nothing at " + shortened(path)});
    allowed += allowed.empty() ? "GET, HEAD, POST, OPTIONS" : ", OPTIONS";
    http_reply reply = asked == verb::options
                           ? http_reply{.status = 204, .body = {}}
                           : failed(405, {errc::invalid_request,
                                          std::string(request.method_string()) + " is not for " +
                                              shortened(path) + ": " + allowed + " are"});
    reply.fields.emplace_back("Allow", allowed);
    return reply;
}

} // namespace warmd

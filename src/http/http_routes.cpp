#include "http/http_routes.hpp"

#include "http/model_list.hpp"
#include "http/openapi.hpp"
#include "http/page.hpp"
#include "json/utf8_text.hpp"
#include <warmd/json.hpp>
#include <warmd/json_writer.hpp>

#include <boost/json.hpp>

#include <algorithm>
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

http_reply page()
{
    return {.body = std::string(page_text()),
            .type = "text/html; charset=utf-8",
            .fields = {{"Content-Security-Policy", std::string(page_policy())},
                       {"Cache-Control", "no-cache"},
                       {"Referrer-Policy", "no-referrer"},
                       {"X-Content-Type-Options", "nosniff"}}};
}

constexpr query_field of_a_tokenizer[] = {
    {.name = "model", .parameter = "model", .doc = "whose tokenizer; else the only one's"}};
constexpr query_field of_events[] = {{.name = "types",
                                      .parameter = "events",
                                      .is_list = true,
                                      .doc = "of these types, with commas between; else of all"}};

constexpr http_route table[] = {
    {.verb = verb::get,
     .path = "/",
     .doc = "a page for people, if text/html is asked for",
     .fixed = page,
     .gives = "text/html"},
    {.verb = verb::get,
     .path = "/health",
     .doc = "the method health; 503 while no requests are taken",
     .method = "health",
     .respond = health},
    {.verb = verb::get,
     .path = "/metrics",
     .doc = "for Prometheus",
     .method = "metrics",
     .respond = metrics,
     .gives = "text/plain"},
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
     .path = "/tokenize",
     .doc = "a text's tokens, as vLLM has them; the same under /v1, as the next two",
     .takes = http_route::body::parameters,
     .method = "tokenize_prompt"},
    {.verb = verb::post,
     .path = "/v1/tokenize",
     .doc = "the same as /tokenize",
     .takes = http_route::body::parameters,
     .method = "tokenize_prompt"},
    {.verb = verb::post,
     .path = "/detokenize",
     .doc = "the text of tokens",
     .takes = http_route::body::parameters,
     .method = "detokenize_tokens"},
    {.verb = verb::post,
     .path = "/v1/detokenize",
     .doc = "the same as /detokenize",
     .takes = http_route::body::parameters,
     .method = "detokenize_tokens"},
    {.verb = verb::get,
     .path = "/tokenizer_info",
     .doc = "a tokenizer's special tokens, and the chat template",
     .method = "tokenizer_info",
     .query = of_a_tokenizer},
    {.verb = verb::get,
     .path = "/v1/tokenizer_info",
     .doc = "the same as /tokenizer_info",
     .method = "tokenizer_info",
     .query = of_a_tokenizer},
    {.verb = verb::get,
     .path = "/events",
     .doc = "what happens, as it happens: the method subscribe as Server-Sent Events",
     .method = "subscribe",
     .watches = true,
     .query = of_events,
     .gives = "text/event-stream"},
    {.verb = verb::get,
     .path = "/openapi.json",
     .doc = "all of this, as an OpenAPI document",
     .method = "rpc.discover",
     .respond = openapi},
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

/// RFC 3986 §2.1; in a query a '+' is a space. Nothing: a '%' that is not followed by two digits.
std::optional<std::string> decoded(std::string_view text, bool of_a_query = false)
{
    std::string plain;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (text[i] != '%') {
            plain += of_a_query && text[i] == '+' ? ' ' : text[i];
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

std::string_view query_of(std::string_view target)
{
    const std::size_t mark = target.find('?');
    return mark == target.npos ? std::string_view() : target.substr(mark + 1);
}

/// What stands before `mark`, which goes, too.
std::string_view take_until(char mark, std::string_view& text)
{
    const std::size_t end = std::min(text.find(mark), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

void write_value(json_writer& to, const query_field& of, std::string_view value)
{
    to.key(of.parameter);
    if (!of.is_list) {
        to.value(value);
        return;
    }
    to.begin_array();
    while (!value.empty())
        if (const std::string_view one = take_until(',', value); !one.empty())
            to.value(one);
    to.end_array();
}

/// The parameters that a query gives, JSON text: "a=b&c=d". invalid_params names what the route
/// does not take.
result<std::string> parameters_of(const http_route& route, std::string_view query)
{
    std::string text;
    json_writer to(text);
    to.begin_object();
    while (!query.empty()) {
        std::string_view value = take_until('&', query);
        const auto name = decoded(take_until('=', value), true);
        const auto plain = decoded(value, true);
        if (!name || !plain)
            return failure{errc::invalid_request, "this is no query: " + shortened(value)};
        const auto known = std::ranges::find(route.query, *name, &query_field::name);
        if (known != route.query.end())
            write_value(to, *known, as_utf8(*plain));
        else if (!name->empty())
            return failure{.code = errc::invalid_params,
                           .detail = "unknown parameter '" + shortened(*name) + "' in the query",
                           .param = as_utf8(*name)};
    }
    to.end_object();
    return text;
}

/// What follows the path; nothing: this route is for others.
std::optional<std::string_view> argument_of(const http_route& route, std::string_view path)
{
    if (!route.path.ends_with('/') || route.path == "/")
        return path == route.path ? std::optional<std::string_view>("") : std::nullopt;
    if (!path.starts_with(route.path) || path.size() == route.path.size())
        return std::nullopt;
    return path.substr(route.path.size());
}

} // namespace

bool asks_for_page(const http_request& request)
{
    const bool reads = request.method() == verb::get || request.method() == verb::head;
    return reads && path_of(request.target()) == "/" &&
           request[beast_http::field::accept].find("text/html") != std::string_view::npos;
}

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
            if (route.fixed && !asks_for_page(request))
                continue;
            auto plain = decoded(*argument);
            if (!plain)
                return failed({errc::invalid_request, "a '%' in the path is followed by two "
                                                      "hexadecimal digits: " +
                                                          shortened(path)});
            routed found{&route, std::move(*plain), {}};
            if (route.query.empty() || query_of(request.target()).empty())
                return found;
            auto parameters = parameters_of(route, query_of(request.target()));
            if (!parameters)
                return failed(parameters.error());
            found.parameters = std::move(*parameters);
            return found;
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

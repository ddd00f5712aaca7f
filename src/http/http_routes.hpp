#pragma once
// What is found where: the one table of paths.

#include "http/http_inbox.hpp"
#include "http/http_reply.hpp"
#include "json/json_document.hpp"

#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace warmd {

/// A parameter that may stand in a query.
struct query_field {
    std::string_view name;      ///< there
    std::string_view parameter; ///< of the method: a string, or an array of them
    bool is_list = false;       ///< "a,b"
    std::string_view doc{};     ///< half a sentence
};

/// One path that one verb may be used on.
struct http_route {
    enum class body {
        none,
        parameters, ///< an object, or nothing for an empty one
        messages,   ///< JSON-RPC: a request, or an array of them
    };
    beast_http::verb verb; ///< HEAD comes with GET
    std::string_view path; ///< one that ends in '/' has what follows as its argument
    std::string_view doc;  ///< half a sentence
    body takes = body::none;
    std::string_view method{}; ///< that is run; empty: the argument
    /// The response for a method's result, JSON text; null: as it is. The argument is decoded.
    http_reply (*respond)(std::string result, std::string_view argument) = nullptr;
    /// What is answered without any method; null: one is run.
    http_reply (*fixed)() = nullptr;
    bool streams = false; ///< with the parameter stream: true, its chunks are Server-Sent Events
    /// The response has no end: what the method notifies of after its result, as Server-Sent
    /// Events.
    bool watches = false;
    std::span<const query_field> query{};        ///< body::none only; empty: a query says nothing
    std::string_view gives = "application/json"; ///< type of a response that is no failure
};

std::span<const http_route> http_routes() noexcept;
/// GET of the page for people, by who reads HTML.
bool asks_for_page(const http_request& request);

struct routed {
    const http_route* route;
    std::string argument;   ///< percent-decoded
    std::string parameters; ///< what the query gives, JSON text; empty: nothing
};
/// Where a request goes; or the response that says why it goes nowhere (404, 405), or what may be
/// asked there (OPTIONS).
std::variant<routed, http_reply> route_of(const http_request& request);

} // namespace warmd

#include "http/openapi.hpp"

#include "http/http_routes.hpp"
#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <concepts>
#include <initializer_list>
#include <utility>

namespace warmd {

namespace {

/// A text, or what is a JSON value already.
struct member {
    member(std::string_view called, std::convertible_to<std::string_view> auto const& text)
        : name(called), value(json::string(std::string_view(text)))
    {
    }
    template <class T>
    requires(!std::convertible_to<T, std::string_view>) member(std::string_view called, T what)
        : name(called), value(std::move(what))
    {
    }
    std::string_view name;
    json::value value;
};

json::object object_of(std::initializer_list<member> all)
{
    json::object made;
    for (const member& each : all)
        made[each.name] = each.value;
    return made;
}

json::object schema_of_type(std::string_view type) { return object_of({{"type", type}}); }

/// A body of that type, in the words of OpenAPI.
json::object content_of(std::string_view type, json::object schema)
{
    return object_of({{type, object_of({{"schema", std::move(schema)}})}});
}

json::object string_parameter(std::string_view name, std::string_view in, std::string_view doc)
{
    return object_of({{"name", name},
                      {"in", in},
                      {"description", doc},
                      {"required", in == "path"},
                      {"schema", schema_of_type("string")}});
}

/// A method's parameters as one object.
json::object schema_of(const json::array& parameters)
{
    json::object properties;
    json::array required;
    for (const json::value& each : parameters) {
        json::object& property =
            (properties[each.at("name").as_string()] = each.at("schema")).as_object();
        property["description"] = each.at("description");
        if (each.at("required").as_bool())
            required.push_back(each.at("name"));
    }
    json::object made = object_of(
        {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}});
    if (!required.empty())
        made["required"] = required;
    return made;
}

json::object error_schema()
{
    json::object named;
    for (const std::string_view each : {"message", "type", "code"})
        named[each] = schema_of_type("string");
    named["param"] = object_of({{"type", json::array{"string", "null"}}});
    const json::object error = object_of({{"type", "object"}, {"properties", named}});
    return object_of({{"type", "object"}, {"properties", object_of({{"error", error}})}});
}

class document {
public:
    explicit document(const json::value& openrpc) : openrpc_(openrpc) {}

    json::object write() const
    {
        json::object paths;
        for (const http_route& each : http_routes())
            add(paths, each);
        json::object schemas = openrpc_.at("components").at("schemas").as_object();
        schemas["Error"] = error_schema();
        const json::object token = object_of({{"type", "http"}, {"scheme", "bearer"}});
        return object_of(
            {{"openapi", "3.1.0"},
             {"info", openrpc_.at("info")},
             {"servers", json::array{object_of({{"url", "/"}})}},
             {"security", json::array{json::object(), object_of({{"token", json::array()}})}},
             {"paths", paths},
             {"components", object_of({{"schemas", schemas},
                                       {"securitySchemes", object_of({{"token", token}})}})}});
    }

private:
    /// Null: there is none.
    const json::value* find(std::string_view method) const
    {
        for (const json::value& each : openrpc_.at("methods").as_array())
            if (each.at("name").as_string() == method)
                return &each;
        return nullptr;
    }

    void add(json::object& paths, const http_route& route) const
    {
        if (route.path == "/rpc/") {
            for (const json::value& each : openrpc_.at("methods").as_array())
                if (each.at("name").as_string() != "subscribe")
                    add(paths, "/rpc/" + std::string(each.at("name").as_string()), route, &each);
            return;
        }
        const std::string argument = route.path.ends_with('/') && !route.fixed ? "{id}" : "";
        add(paths, std::string(route.path) + argument, route, find(route.method));
    }

    void add(json::object& paths, const std::string& path, const http_route& route,
             const json::value* method) const
    {
        const bool of_rpc = route.method.empty() && method;
        json::object made = object_of(
            {{"summary", of_rpc ? method->at("summary") : json::value(json::string(route.doc))},
             {"operationId", path}});
        json::array parameters;
        if (path.ends_with("{id}"))
            parameters.push_back(string_parameter("id", "path", "percent-encoded"));
        for (const query_field& each : route.query)
            parameters.push_back(string_parameter(each.name, "query", each.doc));
        if (!parameters.empty())
            made["parameters"] = parameters;
        if (route.takes == http_route::body::parameters && method)
            made["requestBody"] =
                object_of({{"content", content_of("application/json",
                                                  schema_of(method->at("params").as_array()))}});
        else if (route.takes == http_route::body::messages)
            made["requestBody"] =
                object_of({{"content", content_of("application/json", json::object())}});
        made["responses"] = responses(route, method);
        json::object& at =
            paths[path].is_object() ? paths[path].as_object() : paths[path].emplace_object();
        at[route.verb == beast_http::verb::get ? "get" : "post"] = std::move(made);
    }

    static json::object responses(const http_route& route, const json::value* method)
    {
        const bool as_it_is = method && !route.respond && !route.watches;
        json::object good = content_of(
            route.gives, as_it_is ? method->at("result").at("schema").as_object() : json::object());
        if (route.streams)
            good["text/event-stream"] = json::object();
        const json::object error = object_of({{"$ref", "#/components/schemas/Error"}});
        return object_of(
            {{"200", object_of({{"description", "done"}, {"content", good}})},
             {"default", object_of({{"description", "why it was not"},
                                    {"content", content_of("application/json", error)}})}});
    }

    const json::value& openrpc_;
};

} // namespace

http_reply openapi(std::string openrpc, std::string_view)
{
    const json::value read = json::parse(openrpc);
    return {.body = json::serialize(document(read).write())};
}

} // namespace warmd

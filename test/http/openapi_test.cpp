// The description of the HTTP face, of the table of routes and the methods' contract.

#include "http/openapi.hpp"

#include "http/http_routes.hpp"
#include "methods/openrpc.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using namespace warmd;

namespace {

json::value described()
{
    return json::parse(openapi(schema::openrpc(schema::daemon_contract(), "1.2"), {}).body);
}

/// Every "$ref" below `in`.
void collect(const json::value& in, std::set<std::string>& refs)
{
    if (const json::array* const all = in.if_array())
        for (const json::value& each : *all)
            collect(each, refs);
    if (const json::object* const all = in.if_object())
        for (const auto& [name, value] : *all) {
            if (name == "$ref")
                refs.emplace(value.as_string());
            collect(value, refs);
        }
}

} // namespace

BOOST_AUTO_TEST_CASE(every_route_and_every_method_has_a_path)
{
    const json::value all = described();
    BOOST_TEST(all.at("openapi") == json::value("3.1.0"));
    BOOST_TEST(all.at("info").at("version") == json::value("1.2"));
    const json::object& paths = all.at("paths").as_object();
    for (const http_route& each : http_routes()) {
        const std::string path =
            std::string(each.path) + (each.path.ends_with('/') && !each.fixed ? "{id}" : "");
        BOOST_TEST((each.path == "/rpc/" || paths.contains(path)), path);
    }
    for (const schema::method& each : schema::daemon_contract().methods)
        BOOST_TEST(paths.contains("/rpc/" + std::string(each.name)) == (each.name != "subscribe"),
                   each.name);
}

BOOST_AUTO_TEST_CASE(a_body_is_described_as_its_parameters_are_read)
{
    const json::value all = described();
    const json::value& body = all.at_pointer(
        "/paths/~1v1~1completions/post/requestBody/content/application~1json/schema");
    BOOST_TEST((body.at("required") == json::array{"model", "prompt"}));
    BOOST_TEST(body.at("additionalProperties") == json::value(false));
    BOOST_TEST(body.at_pointer("/properties/max_tokens/default") == json::value(16));
    const json::value& events = all.at_pointer("/paths/~1events/get");
    BOOST_TEST(events.at_pointer("/parameters/0/name") == json::value("types"));
    BOOST_TEST(
        events.at_pointer("/responses/200/content").as_object().contains("text/event-stream"));
    BOOST_TEST(all.at_pointer("/paths/~1tokenize/post/responses/200/content/application~1json/"
                              "schema/properties")
                   .as_object()
                   .contains("count"));
}

BOOST_AUTO_TEST_CASE(what_is_referred_to_is_there)
{
    const json::value all = described();
    std::set<std::string> refs;
    collect(all, refs);
    BOOST_TEST(refs.size() > 10U);
    for (const std::string& each : refs) {
        boost::system::error_code ec;
        BOOST_TEST(all.find_pointer(each.substr(1), ec) != nullptr, each);
    }
}

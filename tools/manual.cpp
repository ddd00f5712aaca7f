// Writes a manual page: standard input with what it repeats put in its place, from the methods'
// contract and from the tables of the HTTP face: @ROUTES@, @STATUSES@.

#include "methods/manual.hpp"
#include "http/http_reply.hpp"
#include "http/http_routes.hpp"
#include "wire/rpc.hpp"

#include <iostream>
#include <iterator>
#include <map>

namespace {

using warmd::schema::escaped;

std::string routes()
{
    std::string text;
    for (const warmd::http_route& each : warmd::http_routes()) {
        const bool reads = each.verb == warmd::beast_http::verb::get;
        const bool of_methods = each.path == "/rpc/";
        text += ".TP\n.B " + std::string(reads ? "GET " : "POST ") + escaped(each.path);
        if (each.path.ends_with('/') && !each.fixed)
            text += of_methods ? "METHOD" : "NAME";
        text += '\n' + escaped(each.doc) + ".\n";
        for (const warmd::query_field& one : each.query)
            text += "In the query, " + escaped(one.name) + ": " + escaped(one.doc) + ".\n";
        if (!each.method.empty() && each.takes == warmd::http_route::body::parameters)
            text += "Its body has the parameters of the method " + escaped(each.method) + ".\n";
    }
    return text;
}

std::string statuses()
{
    std::map<unsigned, std::string> kinds;
    for (const auto& each : warmd::rpc::error_kinds()) {
        std::string& all = kinds[warmd::status_of(each.code)];
        all += (all.empty() ? "" : ", ") + escaped(name(each.code));
    }
    std::string text;
    for (const auto& [status, all] : kinds)
        text += ".TP\n.B " + std::to_string(status) + '\n' + all + ".\n";
    return text;
}

std::string with(std::string page, std::string_view place, const std::string& part)
{
    const std::size_t at = page.find(place);
    return at == page.npos ? page : page.replace(at, place.size(), part);
}

} // namespace

int main()
{
    const std::string page(std::istreambuf_iterator<char>(std::cin), {});
    std::string text = warmd::schema::manual(warmd::schema::daemon_contract(), page);
    text = with(std::move(text), "@ROUTES@\n", routes());
    std::cout << with(std::move(text), "@STATUSES@\n", statuses());
    return std::cout.flush() ? 0 : 1;
}

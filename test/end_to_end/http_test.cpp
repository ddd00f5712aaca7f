// HTTP on the daemon's socket, asked by curl, which knows nothing of warmd.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

struct served {
    place here;
    running daemon{here.socket};

    served() { BOOST_TEST_REQUIRE(!daemon.line_with("listening").empty()); }
    ~served()
    {
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }
    std::string curl(words more)
    {
        more.insert(more.begin(),
                    {"/usr/bin/curl", "-sS", "--max-time", "60", "--unix-socket", here.socket});
        const test::program_result said = test::program({.words = std::move(more)}).result();
        BOOST_TEST(said.status == 0, said.err);
        return said.out;
    }
};

const words json_body{"-H", "Content-Type: application/json", "-d"};

words post(const std::string& body, const std::string& path)
{
    words all = json_body;
    all.insert(all.end(), {body, "http://warmd" + path});
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(curl_gets_what_json_rpc_says)
{
    served by;
    const std::string params = R"({"model":{"kind":"dummy","base":"/m"},"prompts":["The data"]})";
    const json::value over_http = parse_json(by.curl(post(params, "/rpc/divergence"))).value();
    client rpc = by.daemon.connect();
    BOOST_TEST((over_http == rpc.call("divergence", params).value()));
    const json::value health = parse_json(by.curl({"http://warmd/health"})).value();
    BOOST_TEST(health.at("status") == json::value("ok"));
    BOOST_TEST(by.curl({"http://warmd/metrics"}).find("warmd_requests_total") != std::string::npos);
    const json::value models = parse_json(by.curl({"http://warmd/v1/models"})).value();
    BOOST_TEST(models.at("data").at(0).at("id") == json::value("/m"));
}

BOOST_AUTO_TEST_CASE(curl_learns_of_failures_by_their_status)
{
    served by;
    const words status{"-o", "/dev/null", "-w", "%{http_code}"};
    const auto status_of = [&](words what) {
        what.insert(what.begin(), status.begin(), status.end());
        return by.curl(std::move(what));
    };
    BOOST_TEST(status_of({"http://warmd/nowhere"}) == "404");
    BOOST_TEST(status_of({"-X", "DELETE", "http://warmd/health"}) == "405");
    BOOST_TEST(status_of({"-d", "a=b", "http://warmd/rpc/health"}) == "415");
    BOOST_TEST(status_of(post("{", "/rpc/health")) == "400");
    BOOST_TEST(status_of(post(R"({"model":"none"})", "/rpc/load")) == "404");
    BOOST_TEST(status_of(post("{}", "/rpc/load")) == "400");
}

BOOST_AUTO_TEST_CASE(a_connection_that_curl_keeps_serves_several_requests_and_a_chunked_one)
{
    served by;
    const std::string twice = by.curl({"-w", "%{num_connects} ", "-o", "/dev/null", "-o",
                                       "/dev/null", "http://warmd/health", "http://warmd/health"});
    BOOST_TEST(twice == "1 0 ");
    words chunked = post(R"({"model":{"kind":"dummy","base":"/m"},"text":"abc"})", "/rpc/tokenize");
    chunked.insert(chunked.begin(), {"-H", "Transfer-Encoding: chunked"});
    BOOST_TEST(by.curl(chunked).find("\"ids\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_face_is_described)
{
    served by;
    const json::value all = parse_json(by.curl({"http://warmd/openapi.json"})).value();
    BOOST_TEST(all.at("paths").as_object().contains("/rpc/divergence"));
}

// HTTP over TCP: this machine only, and with the token.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

struct served {
    place here;
    running daemon;
    std::string url, token;

    explicit served(words more = {}) : daemon(here.socket, with_http(std::move(more)))
    {
        const std::string ready = daemon.line_with("ready");
        const std::size_t at = ready.find("http://");
        BOOST_TEST_REQUIRE(at != std::string::npos, ready);
        url = ready.substr(at, ready.find_last_not_of("\r\n ") + 1 - at);
        std::ifstream(std::filesystem::path(here.socket).parent_path() / "http-token") >> token;
    }
    static words with_http(words more)
    {
        more.insert(more.end(), {"--http", "127.0.0.1:0"});
        return more;
    }
    std::string curl(words more, const std::string& path)
    {
        more.insert(more.begin(), {"/usr/bin/curl", "-sS", "--noproxy", "*", "--max-time", "60"});
        more.push_back(url + path);
        const test::program_result said = test::program({.words = std::move(more)}).result();
        BOOST_TEST(said.status == 0, said.err);
        return said.out;
    }
    words known() const { return {"-H", "Authorization: Bearer " + token}; }
    std::string status_of(words more, const std::string& path)
    {
        more.insert(more.end(), {"-o", "/dev/null", "-w", "%{http_code}"});
        return curl(std::move(more), path);
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(who_has_the_token_is_served_and_health_says_where)
{
    served by;
    BOOST_TEST(by.token.size() == 64U);
    const json::value health = json::parse(by.curl(by.known(), "/health"));
    BOOST_TEST(health.at("http").at(0) == json::value(by.url));
    BOOST_TEST(by.curl({}, "/health") == R"({"status":"ok"})");
    BOOST_TEST(by.status_of({}, "/v1/models") == "401");
    BOOST_TEST(by.status_of(by.known(), "/v1/models") == "200");
    words elsewhere = by.known();
    elsewhere.insert(elsewhere.end(), {"-H", "Host: example.org"});
    BOOST_TEST(by.status_of(elsewhere, "/v1/models") == "421");
}

BOOST_AUTO_TEST_CASE(over_tcp_nobody_is_the_daemons_user)
{
    served by;
    for (const char* path : {"/rpc/shutdown", "/rpc/reload"}) {
        words all = by.known();
        all.insert(all.end(), {"-H", "Content-Type: application/json", "-d", "{}"});
        BOOST_TEST(by.status_of(all, path) == "403", path);
    }
    words all = by.known();
    all.insert(all.end(), {"-H", "Content-Type: application/json", "-d", R"({"all":true})"});
    BOOST_TEST(by.status_of(all, "/rpc/unload") == "403");
    BOOST_TEST(by.daemon.connect().call("health").value().at("status") == json::value("ok"));
}

BOOST_AUTO_TEST_CASE(json_rpc_is_not_spoken_over_tcp)
{
    served by;
    const test::program_result said =
        test::program({.words = {"/bin/sh", "-c",
                                 R"(printf '{"jsonrpc":"2.0","id":1,"method":"health"}\r\n\r\n' | )"
                                 "socat -t 5 - TCP:" +
                                     by.url.substr(by.url.find("//") + 2)}})
            .result();
    BOOST_TEST(said.out.starts_with("HTTP/1.1 400"), said.out);
    BOOST_TEST(said.out.find("uptime") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_loopback_address_is_refused_with_the_way_that_there_is)
{
    for (const char* address : {"0.0.0.0:0", "10.0.0.1:8080", "[::]:0", "192.168.1.1:80"}) {
        const place here;
        const test::program_result said =
            test::program({.words = {WARMD, "--socket", here.socket, "--http", address}}).result();
        BOOST_TEST(said.status == 1, address);
        BOOST_TEST(said.err.find("no loopback address") != std::string::npos, said.err);
        BOOST_TEST(said.err.find("proxy") != std::string::npos);
    }
    const place here;
    const test::program_result said =
        test::program({.words = {WARMD, "--socket", here.socket, "--http", "8080"}}).result();
    BOOST_TEST(said.status == 2);
}

BOOST_AUTO_TEST_CASE(a_daemon_that_may_not_start_leaves_the_others_token_alone)
{
    served by;
    const test::program_result said =
        test::program({.words = {WARMD, "--socket", by.here.socket, "--http", "127.0.0.1:0"}})
            .result();
    BOOST_TEST(said.status == 1);
    BOOST_TEST(by.status_of(by.known(), "/v1/models") == "200");
    std::string token;
    std::ifstream(std::filesystem::path(by.here.socket).parent_path() / "http-token") >> token;
    BOOST_TEST(token == by.token);
}

BOOST_AUTO_TEST_CASE(a_token_may_be_given_in_a_file)
{
    const place here;
    const std::string file =
        std::filesystem::path(here.socket).parent_path().parent_path() / "secret";
    std::ofstream(file) << "a-token-of-my-own-choice\n";
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    served by({"--http-token-file", file});
    BOOST_TEST(by.token == ""); // none was made
    BOOST_TEST(by.status_of({"-H", "Authorization: Bearer a-token-of-my-own-choice"},
                            "/v1/models") == "200");
}

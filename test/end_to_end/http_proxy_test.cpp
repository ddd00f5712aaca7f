// warmctl proxy and token: HTTP over TCP for a daemon that has none.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

struct proxied {
    place here;
    std::optional<running> daemon{std::in_place, here.socket};
    boost::process::ipstream out;
    std::string url, token;
    std::optional<boost::process::child> proxy;

    proxied()
    {
        BOOST_TEST_REQUIRE(!daemon->line_with("ready").empty());
        proxy.emplace(
            boost::process::exe = WARMCTL,
            boost::process::args = {"--socket", here.socket, "proxy", "--listen", "127.0.0.1:0"},
            boost::process::std_out > out);
        std::getline(out, url);
        token = test::program({.words = {WARMCTL, "--socket", here.socket, "token"}}).result().out;
        token = token.substr(0, token.find('\n'));
    }
    ~proxied()
    {
        ::kill(proxy->id(), SIGTERM);
        proxy->wait();
        daemon->signal(SIGTERM);
        BOOST_TEST(daemon->status() == 0);
    }
    std::string curl(words more, const std::string& path) const
    {
        more.insert(more.begin(), {"/usr/bin/curl", "-sS", "--noproxy", "*", "--max-time", "60"});
        more.push_back(url + path);
        const test::program_result said = test::program({.words = std::move(more)}).result();
        BOOST_TEST(said.status == 0, said.err);
        return said.out;
    }
    std::string status_of(words more, const std::string& path) const
    {
        more.insert(more.end(), {"-o", "/dev/null", "-w", "%{http_code}"});
        return curl(std::move(more), path);
    }
    words known(words more = {}) const
    {
        more.insert(more.begin(), {"-H", "Authorization: Bearer " + token});
        return more;
    }
};

const words nothing{"-H", "Content-Type: application/json", "-d", "{}"};

} // namespace

BOOST_AUTO_TEST_CASE(requests_with_the_token_reach_the_daemon)
{
    proxied by;
    BOOST_TEST(by.url.starts_with("http://127.0.0.1:"), by.url);
    BOOST_TEST(by.token.size() == 64U);
    const json::value direct = by.daemon->connect().call("health").value();
    const json::value health = json::parse(by.curl(by.known(), "/health"));
    BOOST_TEST(health.at("pid") == direct.at("pid"));
    const std::string body = R"({"model":{"kind":"dummy","base":"/m"},"prompts":["The data"]})";
    BOOST_TEST(by.status_of(by.known({"-H", "Content-Type: application/json", "-d", body}),
                            "/rpc/next_token") == "200");
    const std::string kept = by.curl(by.known({"-w", "%{num_connects} ", "-o", "/dev/null", "-o",
                                               "/dev/null", by.url + "/metrics"}),
                                     "/metrics");
    BOOST_TEST(kept == "1 0 ");
}

BOOST_AUTO_TEST_CASE(others_are_refused_and_nobody_is_the_daemons_user)
{
    proxied by;
    BOOST_TEST(by.status_of({}, "/v1/models") == "401");
    BOOST_TEST(by.status_of({"-H", "Authorization: Bearer guess"}, "/v1/models") == "401");
    BOOST_TEST(by.status_of(by.known({"-H", "Host: example.org"}), "/v1/models") == "421");
    BOOST_TEST(by.status_of(by.known({"-H", "Origin: http://a.b"}), "/v1/models") == "403");
    for (const words& who : {words{}, words{"-H", "Authorization: Bearer guess"}})
        BOOST_TEST(by.curl(who, "/health") == R"({"status":"ok"})");
    BOOST_TEST(by.status_of(by.known(nothing), "/rpc/shutdown") == "403");
    BOOST_TEST(by.status_of(by.known(nothing), "/rpc/reload") == "403");
}

BOOST_AUTO_TEST_CASE(without_a_daemon_the_proxy_says_so)
{
    proxied by;
    by.daemon->signal(SIGTERM);
    BOOST_TEST(by.daemon->status() == 0);
    BOOST_TEST(by.status_of(by.known(), "/v1/models") == "503");
    by.daemon.emplace(by.here.socket);
    BOOST_TEST_REQUIRE(!by.daemon->line_with("ready").empty());
    BOOST_TEST(by.status_of(by.known(), "/v1/models") == "200"); // the next one is there
}

BOOST_AUTO_TEST_CASE(the_token_is_its_owners_and_a_wrong_address_is_refused)
{
    proxied by;
    struct stat about {};
    const std::string file = (std::filesystem::path(by.here.socket).parent_path() / "http-token");
    BOOST_TEST(::stat(file.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U);
    const auto refused = [&](const std::string& address) {
        return test::program(
                   {.words = {WARMCTL, "--socket", by.here.socket, "proxy", "--listen", address}})
            .result();
    };
    BOOST_TEST(refused("0.0.0.0:0").status == 1);
    BOOST_TEST(refused("8080").status == 2);
    const auto ui = test::program({.words = {WARMCTL, "--socket", by.here.socket, "ui"}}).result();
    BOOST_TEST(ui.status == 1);
    BOOST_TEST(ui.err.find("--http") != std::string::npos, ui.err);
}

// Who may ask over TCP.

#include "http/http_guard.hpp"

#include "http/http_fixture.hpp"

using namespace warmd;
using test::http_carried;

namespace {

const http_guard guard("0123456789abcdef", {"http://localhost:3000"});
const std::string with_token = "Authorization: Bearer 0123456789abcdef\r\n";

struct guarded : http_carried {
    guarded()
    {
        talk->stop();
        talk = std::make_unique<http_conversation>(*this, methods, limits, logger(), &guard);
    }
    unsigned status_of(const std::string& first_line, const std::string& fields)
    {
        return ask(first_line + " HTTP/1.1\r\n" + fields + "\r\n").result_int();
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(who_has_the_token_may_ask)
{
    guarded c;
    const std::string here = "Host: 127.0.0.1:8080\r\n";
    BOOST_TEST(c.status_of("GET /metrics", here + with_token) == 200U);
    BOOST_TEST(c.status_of("GET /metrics", here + "authorization: bearer 0123456789abcdef\r\n") ==
               200U);
    for (const char* wrong :
         {"", "Authorization: Bearer \r\n", "Authorization: Bearer 0123456789abcdeF\r\n",
          "Authorization: Bearer 0123456789abcdef0\r\n",
          "Authorization: Bearer 0123456789abcde\r\n", "Authorization: Basic 0123456789abcdef\r\n",
          "Authorization: 0123456789abcdef\r\n"}) {
        const auto said = c.ask("GET /metrics HTTP/1.1\r\n" + here + wrong + "\r\n");
        BOOST_TEST(said.result_int() == 401U, wrong);
        BOOST_TEST(said["WWW-Authenticate"] == "Bearer");
    }
    BOOST_TEST(c.status_of("GET /nowhere", here) == 401U); // does not tell what there is
    BOOST_TEST(c.status_of("OPTIONS *", here) == 401U);
}

BOOST_AUTO_TEST_CASE(health_tells_everybody_its_status_and_nothing_else)
{
    guarded c;
    const auto said = c.ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    BOOST_TEST(said.result_int() == 200U);
    BOOST_TEST(said.body() == R"({"status":"ok"})");
    const auto whole = c.ask("GET /health HTTP/1.1\r\nHost: localhost\r\n" + with_token + "\r\n");
    BOOST_TEST(whole.body().find("ready") != std::string::npos);
    BOOST_TEST(c.status_of("POST /health", "Host: localhost\r\nContent-Length: 0\r\n") == 401U);
    BOOST_TEST(c.status_of("GET /health?x", "Host: localhost\r\n") == 401U);
}

BOOST_AUTO_TEST_CASE(host_must_name_this_machine)
{
    guarded c;
    for (const char* ours : {"localhost", "LocalHost:80", "127.0.0.1", "127.1.2.3:9", "[::1]:8080"})
        BOOST_TEST(
            c.status_of("GET /metrics", "Host: " + std::string(ours) + "\r\n" + with_token) == 200U,
            ours);
    for (const char* others : {"example.org", "localhost.example.org", "10.0.0.1:80", "", "[::2]",
                               "127.0.0.1.example.org", "[", "0.0.0.0"})
        BOOST_TEST(c.status_of("GET /metrics",
                               "Host: " + std::string(others) + "\r\n" + with_token) == 421U,
                   others);
}

BOOST_AUTO_TEST_CASE(a_page_may_ask_if_its_origin_is_named)
{
    guarded c;
    const std::string here = "Host: localhost\r\n" + with_token;
    for (const char* other : {"http://evil.example", "null", "http://localhost:3001", ""})
        BOOST_TEST(c.status_of("GET /health", here + "Origin: " + other + "\r\n") == 403U, other);
    const auto said =
        c.ask("GET /health HTTP/1.1\r\n" + here + "Origin: http://localhost:3000\r\n\r\n");
    BOOST_TEST(said.result_int() == 200U);
    BOOST_TEST(said["Access-Control-Allow-Origin"] == "http://localhost:3000");
    BOOST_TEST(said["Vary"] == "Origin");
}

BOOST_AUTO_TEST_CASE(a_preflight_is_answered_without_a_token)
{
    guarded c;
    const auto said = c.ask("OPTIONS /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                            "Origin: http://localhost:3000\r\n"
                            "Access-Control-Request-Method: POST\r\n\r\n");
    BOOST_TEST(said.result_int() == 204U);
    BOOST_TEST(said["Access-Control-Allow-Origin"] == "http://localhost:3000");
    BOOST_TEST(said["Access-Control-Allow-Headers"].find("Authorization") != std::string::npos);
    BOOST_TEST(c.status_of("OPTIONS /v1/completions",
                           "Host: localhost\r\nOrigin: http://evil.example\r\n"
                           "Access-Control-Request-Method: POST\r\n") == 403U);
}

BOOST_AUTO_TEST_CASE(secrets_are_compared_whole)
{
    BOOST_TEST(same_secret("abc", "abc"));
    for (const char* other : {"", "ab", "abd", "abcd", "abcabc"})
        BOOST_TEST(!same_secret("abc", other));
    BOOST_TEST(!same_secret("abcabc", "abc"));
}

BOOST_AUTO_TEST_CASE(the_page_needs_no_token_and_asks_with_one)
{
    guarded c;
    const std::string here = "Host: 127.0.0.1:8080\r\n";
    BOOST_TEST(c.status_of("GET /", here + "Accept: text/html\r\n") == 200U);
    BOOST_TEST(c.status_of("GET /", "Host: a.b\r\nAccept: text/html\r\n") == 421U);
    const std::string own = "Origin: http://127.0.0.1:8080\r\n";
    BOOST_TEST(c.status_of("GET /metrics", here + own + with_token) == 200U);
    BOOST_TEST(c.status_of("GET /metrics", here + own) == 401U);
    BOOST_TEST(c.status_of("GET /metrics", "Host: 127.0.0.1\r\n" + own + with_token) == 403U);
    BOOST_TEST(c.status_of("GET /metrics",
                           here + "Origin: https://127.0.0.1:8080\r\n" + with_token) == 403U);
}

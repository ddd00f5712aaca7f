// The configuration file's `workers`.

#include "model/config_file.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

result<worker_kinds> read(const std::string& text)
{
    const std::string file = "{\"workers\": " + text + '}';
    auto read = parse_config(file, "/etc/warmd.conf");
    return read ? result<worker_kinds>(read->workers) : read.error();
}
std::string refusal(const std::string& text)
{
    const auto found = read(text);
    BOOST_REQUIRE_MESSAGE(!found, text);
    BOOST_TEST((found.error().code == errc::invalid_params));
    return found.error().detail;
}
std::string refusal_of(const std::string& members)
{
    return refusal(R"({"mine": {"command": ["/x"], )" + members + "}}");
}

} // namespace

BOOST_AUTO_TEST_CASE(every_setting_is_read)
{
    const worker_kinds all = read(R"({"mine": {
        "command": ["ssh", "box", "warmd", "--stdio"], "env": {"A": "1", "B": ""},
        "paths": "remote", "load_timeout": 1.5, "stall_timeout": 2, "stop_timeout": 0.25,
        "max_processes": 3, "max_bytes": 1000000, "sandbox": false, "network": true}})")
                                 .value();
    BOOST_REQUIRE(all.size() == 1U);
    const worker_settings& one = all.at("mine");
    BOOST_TEST((one.command == std::vector<std::string>{"ssh", "box", "warmd", "--stdio"}));
    BOOST_TEST((one.env == std::map<std::string, std::string>{{"A", "1"}, {"B", ""}}));
    BOOST_TEST((one.paths == path_meaning::remote));
    BOOST_TEST((one.load_timeout == 1500ms));
    BOOST_TEST((one.stall_timeout == 2s));
    BOOST_TEST((one.stop_timeout == 250ms));
    BOOST_TEST(one.max_processes == 3U);
    BOOST_TEST(one.max_bytes == 1'000'000U);
    BOOST_TEST(!one.sandbox);
    BOOST_TEST(one.network);
}

BOOST_AUTO_TEST_CASE(only_the_command_is_required)
{
    const worker_kinds all = read(R"({"mine": {"command": ["/opt/mine"]}})").value();
    worker_settings plain;
    plain.command = {"/opt/mine"};
    BOOST_TEST((all.at("mine") == plain));
    BOOST_TEST((plain.paths == path_meaning::local));
    BOOST_TEST(plain.sandbox);
    BOOST_TEST(refusal(R"({"mine": {}})").find("workers.mine.command is missing") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_with_its_place)
{
    BOOST_TEST(refusal_of(R"("paths": "near")") ==
               "/etc/warmd.conf:1:42: workers.mine.paths must be local, remote or opaque, found "
               "\"near\"");
    for (const char* bad :
         {R"("command": [])", R"("command": "x")", R"("command": [7])", R"("command": ["a/b"])",
          R"("command": [""])", R"("env": {"A": 1})", R"("env": {"A=B": "1"})", R"("env": [])",
          R"("load_timeout": 0)", R"("load_timeout": -1)", R"("stall_timeout": "2s")",
          R"("stop_timeout": 1e300)", R"("max_bytes": -1)", R"("max_bytes": 1.5)",
          R"("max_processes": "1")", R"("sandbox": 1)", R"("network": "yes")"}) {
        const std::string text =
            std::string(R"({"mine": {)") + bad +
            (std::string(bad).starts_with(R"("command)") ? "}}" : R"(, "command": ["/x"]}})");
        BOOST_TEST(refusal(text).find("must be") != std::string::npos, bad);
    }
    BOOST_TEST(refusal_of(R"("shell": true)").find("workers.mine.shell is unknown") !=
               std::string::npos);
    BOOST_TEST(refusal("7").find("workers must be an object") != std::string::npos);
    BOOST_TEST(refusal(R"({"mine": 7})").find("workers.mine must be an object") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(kinds_have_names_of_their_own)
{
    for (const char* bad : {"hf", "dummy", "", "A", "a b", "a/b"})
        BOOST_TEST(refusal("{\"" + std::string(bad) + R"(": {"command": ["/x"]}})")
                           .find("cannot be a kind") != std::string::npos,
                   bad);
}

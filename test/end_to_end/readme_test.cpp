// What the README shows is typed here, word for word, against the built daemon.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>

using namespace warmd;
using namespace warmd::test;

namespace {

const std::string project = WARMD_PROJECT;

/// The lines of the README's code blocks that contain `part`.
std::vector<std::string> code_lines(const std::string& part)
{
    std::ifstream readme(project + "/README.md");
    std::vector<std::string> found;
    bool code = false;
    for (std::string line; std::getline(readme, line);) {
        if (line.starts_with("```"))
            code = !code;
        else if (code && line.find(part) != std::string::npos)
            found.push_back(line);
    }
    return found;
}

program_result typed(const std::string& line, const std::string& socket)
{
    return program({.words = {"/bin/bash", "-c", line},
                    .in = {},
                    .environment = {"WARMD_SOCKET=" + socket},
                    .directory = project})
        .result();
}

} // namespace

BOOST_AUTO_TEST_CASE(every_socat_line_of_the_readme_is_answered_with_a_result)
{
    const place here;
    running daemon(here.socket);
    BOOST_TEST(!daemon.line_with("ready").empty());
    const std::vector<std::string> lines = code_lines("socat ");
    BOOST_TEST(lines.size() >= 7U);
    for (const std::string& line : lines) {
        BOOST_TEST_CONTEXT(line)
        {
            const program_result said = typed(line, here.socket);
            BOOST_TEST(said.status == 0);
            BOOST_TEST(said.err == "");
            const auto reply = parse_json(said.out);
            BOOST_TEST_REQUIRE(reply.has_value(), said.out);
            for (const json::value& one :
                 reply->is_array() ? reply->get_array() : json::array{*reply}) {
                BOOST_TEST(one.as_object().contains("result"), said.out);
                BOOST_TEST(one.as_object().contains("id"), said.out);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_broken_model_gets_a_clear_error_and_the_daemon_goes_on_serving)
{
    const place here;
    running daemon(here.socket);
    BOOST_TEST(!daemon.line_with("ready").empty());
    const std::string broken = project + "/test/data/fixtures/broken/";
    std::ifstream file(broken + "expected.json", std::ios::binary);
    const json::value expected =
        parse_json(std::string(std::istreambuf_iterator<char>(file), {})).value();
    client asking = daemon.connect();
    for (const json::value& one : expected.as_array()) {
        const auto text = [&](const char* member) {
            return std::string(one.at(member).as_string());
        };
        BOOST_TEST_CONTEXT(text("dir"))
        {
            const bool adapter = text("kind") == "adapter";
            const std::string model = adapter
                                          ? R"({"base":")" + broken + text("base") +
                                                R"(","adapter":")" + broken + text("dir") + "\"}"
                                          : R"({"base":")" + broken + text("dir") + "\"}";
            const auto loaded = asking.call("load", R"({"model":)" + model + "}");
            BOOST_TEST(loaded.has_value() == (text("must") == "load"));
            if (!loaded) {
                BOOST_TEST((loaded.error().code == errc::load_failed ||
                            loaded.error().code == errc::unsupported),
                           name(loaded.error().code));
                BOOST_TEST(loaded.error().detail.find(text("dir")) != std::string::npos,
                           loaded.error().detail); // which model
                BOOST_TEST(!loaded.error().cause.empty());
            }
            BOOST_TEST(asking.call("health").value().at("ready").as_bool());
        }
    }
}

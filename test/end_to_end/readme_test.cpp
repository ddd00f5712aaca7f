// What the README and the manual show is typed here, word for word, against the built daemon.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <warmd/json.hpp>

#include <boost/algorithm/string/replace.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

using namespace warmd;
using namespace warmd::test;

namespace {

const std::string project = WARMD_PROJECT;

/// The code blocks of the README that contain `part`.
std::vector<std::string> code_blocks(const std::string& part)
{
    std::ifstream readme(project + "/README.md");
    std::vector<std::string> found;
    std::string block;
    bool code = false;
    for (std::string line; std::getline(readme, line);) {
        if (!line.starts_with("```"))
            block += line + '\n';
        else {
            if (code && block.find(part) != std::string::npos)
                found.push_back(block);
            code = !code;
            block.clear();
        }
    }
    return found;
}

/// The examples (.EX) of a manual page that contain `part`, as they are shown.
std::vector<std::string> examples(const std::string& page, const std::string& part)
{
    std::ifstream manual(project + "/tools/man/" + page);
    std::vector<std::string> found;
    std::string block;
    bool example = false;
    for (std::string line; std::getline(manual, line);) {
        if (line == ".EX" || line == ".EE") {
            if (example && block.find(part) != std::string::npos)
                found.push_back(block);
            example = line == ".EX";
            block.clear();
        } else
            block += line + '\n';
    }
    for (std::string& each : found)
        for (const auto& [written, shown] : {std::pair("\\-", "-"), {"\\(aq", "'"}, {"\\e", "\\"}})
            boost::algorithm::replace_all(each, written, shown);
    return found;
}

/// Typed into a shell that finds the built programs before all others.
program_result typed(const std::string& line, const std::string& socket)
{
    const std::string ours = std::filesystem::path(WARMD).parent_path().string() + ':' +
                             std::filesystem::path(WARMCTL).parent_path().string();
    return program({.words = {"/bin/bash", "-c", "PATH=" + ours + ":$PATH\n" + line},
                    .in = {},
                    .environment = {"WARMD_SOCKET=" + socket},
                    .directory = project})
        .result();
}

} // namespace

BOOST_AUTO_TEST_CASE(the_readme_has_at_most_9_kb_and_lines_of_100_columns)
{
    std::ifstream readme(project + "/README.md");
    std::size_t bytes = 0;
    for (std::string line; std::getline(readme, line);) {
        bytes += line.size() + 1;
        BOOST_TEST(line.size() <= 100U, line);
    }
    BOOST_TEST(bytes <= 9U << 10);
}

BOOST_AUTO_TEST_CASE(the_example_of_the_readme_does_what_it_shows)
{
    const place here;
    running daemon(here.socket);
    BOOST_TEST(!daemon.line_with("ready").empty());
    const std::vector<std::string> blocks = code_blocks("warmctl ");
    BOOST_REQUIRE(blocks.size() == 1U);
    const std::size_t first = blocks.front().find('\n');
    BOOST_TEST(blocks.front().substr(0, 7) == "warmd &"); // which we have started
    const program_result said = typed("set -eu" + blocks.front().substr(first), here.socket);
    BOOST_TEST(said.status == 0);
    BOOST_TEST(said.err == "");
    for (const char* shown : {"\"The king said unto\"", "JS (NATS)", "95 % interval", "ready"})
        BOOST_TEST(said.out.find(shown) != std::string::npos, shown << " is missing: " << said.out);
}

BOOST_AUTO_TEST_CASE(what_is_shown_to_talk_without_a_client_is_answered_with_results)
{
    const place here;
    running daemon(here.socket);
    BOOST_TEST(!daemon.line_with("ready").empty());
    std::vector<std::string> blocks = code_blocks("socat ");
    BOOST_REQUIRE(blocks.size() == 1U);
    for (std::string& each : examples("warmd-protocol.7.in", "WARMD_SOCKET"))
        blocks.push_back(std::move(each));
    BOOST_REQUIRE(blocks.size() == 2U);
    std::size_t answers = 0;
    for (const std::string& block : blocks) {
        BOOST_TEST_CONTEXT(block)
        {
            const program_result said = typed("set -eu\n" + block, here.socket);
            BOOST_TEST(said.status == 0);
            BOOST_TEST(said.err == "");
            std::istringstream lines(said.out);
            for (std::string line; std::getline(lines, line); ++answers) {
                const auto reply = parse_json(line);
                BOOST_TEST_REQUIRE(reply.has_value(), line);
                for (const json::value& one :
                     reply->is_array() ? reply->get_array() : json::array{*reply}) {
                    BOOST_TEST(one.as_object().contains("result"), line);
                    BOOST_TEST(one.as_object().contains("id"), line);
                }
            }
        }
    }
    BOOST_TEST(answers >= 7U);
}

BOOST_AUTO_TEST_CASE(the_configuration_that_its_page_shows_is_sound)
{
    const place here;
    const std::vector<std::string> shown = examples("warmd.conf.5", "\"models\"");
    BOOST_REQUIRE(shown.size() == 1U);
    const std::string file = here.directory.path / "warmd.conf";
    write_file(file, shown.front());
    const program_result said = typed("warmd --check-config --config " + file, here.socket);
    BOOST_TEST(said.out == file + ": OK, 2 models\n");
    BOOST_TEST(said.err == "");
}

BOOST_AUTO_TEST_CASE(the_page_of_warmd_tells_the_default_of_each_option_as_help_does)
{
    const place here;
    const std::string help = typed("warmd --help", here.socket).out;
    std::ifstream file(project + "/tools/man/warmd.8");
    std::string page(std::istreambuf_iterator<char>(file), {});
    boost::algorithm::replace_all(page, "\\-", "-");
    std::replace(page.begin(), page.end(), '\n', ' ');
    const std::regex option(R"(\n  --([a-z-]+) (?:(?!\n  -)[^\[])*\[([^\]]+)\])");
    const std::set<std::string> of_the_machine{"max-loaded-bytes",   "max-kv-bytes",
                                               "prefix-cache-bytes", "workers",
                                               "load-workers",       "socket"};
    std::size_t looked_at = 0;
    for (std::sregex_iterator each(help.begin(), help.end(), option), end; each != end; ++each) {
        const std::string name = (*each)[1], value = (*each)[2];
        if (of_the_machine.contains(name))
            continue;
        const std::size_t begin = page.find(".BI --" + name + ' ');
        BOOST_TEST_REQUIRE(begin != std::string::npos, name);
        const std::string told = page.substr(begin, page.find(".TP", begin) - begin);
        BOOST_TEST(told.find("Default: " + value + '.') != std::string::npos,
                   name << ": [" << value << "], but: " << told);
        ++looked_at;
    }
    BOOST_TEST(looked_at >= 20U);
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

// Libraries that people have, unmodified: what is not installed is skipped, and said to be.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

const std::string scripts = WARMD_PROJECT "/test/end_to_end/clients/";

struct served {
    place here;
    const std::string home = here.directory.path;
    running daemon{here.socket, {"--http", "127.0.0.1:0", "--config", configured(home)}};
    std::string url, token;

    static std::string configured(const std::string& in)
    {
        const std::string file = in + "/warmd.conf";
        std::ofstream(file) << R"({"models":{"first":{"kind":"dummy","base":"a"}}})";
        return file;
    }

    served()
    {
        BOOST_TEST_REQUIRE(!daemon.line_with("ready").empty());
        url = daemon.connect().call("health").value().at("http").at(0).as_string();
        std::ifstream(std::filesystem::path(here.socket).parent_path() / "http-token") >> token;
    }
    ~served()
    {
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }
    void try_library(words program, const std::string& what)
    {
        program.insert(program.end(),
                       {url, token, here.socket,
                        std::filesystem::canonical(WARMD_TEST_DATA "/demo/adapter").native()});
        run(std::move(program), what);
    }
    /// Runs a script, which is skipped where it ends with 77.
    void run(words program, const std::string& what) const
    {
        const test::program_result said =
            test::program({.words = std::move(program), .environment = {"NO_PROXY=*"}}).result();
        if (said.status == 77 || said.status == 126)
            BOOST_TEST_MESSAGE("SKIPPED: there is no " + what + " here");
        else
            BOOST_TEST(said.status == 0, said.err);
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(pythons_libraries_work_as_they_are)
{
    served by;
    for (const std::string library : {"requests", "httpx", "aiohttp"})
        by.try_library({"/usr/bin/python3", scripts + "client.py", library}, "python3-" + library);
}

BOOST_AUTO_TEST_CASE(the_sdk_of_openai_works_as_it_is)
{
    served by;
    by.try_library({"/usr/bin/node", scripts + "openai.mjs", WARMD_BUILT "/clients"},
                   "npm package openai");
}

BOOST_AUTO_TEST_CASE(chromium_shows_the_page_and_its_buttons_work)
{
    served by;
    by.run({"/usr/bin/python3", scripts + "page.py", by.url, by.token, by.home}, "chromium");
}

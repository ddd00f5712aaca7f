// Three daemons behind Debian's HAProxy, by tools/haproxy.cfg.example.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <regex>

using namespace warmd;
using test::running, test::words;

namespace {

constexpr int model_count = 60;
const std::string names[]{"one", "two", "three"};

std::string read(const std::string& path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The example, with sockets in the place of ports.
std::string configured(const std::string& in)
{
    std::string text = read(WARMD_PROJECT "/tools/haproxy.cfg.example");
    text = std::regex_replace(text, std::regex("bind [^\n]*"), "bind unix@" + in + "/front");
    for (const std::string& each : names)
        text = std::regex_replace(text, std::regex("server " + each + " [^\n]*"),
                                  "server " + each + " unix@" + in + "/" + each);
    return text;
}

struct balanced {
    test::scratch_directory directory;
    const std::string home = directory.path;
    std::map<std::string, std::unique_ptr<running>> daemons;
    std::unique_ptr<test::program> proxy;

    balanced()
    {
        json::object models;
        for (int i = 0; i != model_count; ++i)
            models["m" + std::to_string(i)] = {{"kind", "dummy"}, {"base", std::to_string(i)}};
        const json::object all{{"models", models},
                               {"limits", {{"max_loaded_models", model_count}}}};
        test::write_file(home + "/warmd.conf", json::serialize(all));
        for (const std::string& each : names) {
            daemons[each] = std::make_unique<running>(home + '/' + each,
                                                      words{"--config", home + "/warmd.conf"});
            BOOST_TEST_REQUIRE(!daemons[each]->line_with("ready").empty());
        }
        test::write_file(home + "/haproxy.cfg", configured(home));
        proxy = std::make_unique<test::program>(test::program_input{
            .words = {"/usr/sbin/haproxy", "-db", "-f", home + "/haproxy.cfg"}});
        while (!std::filesystem::exists(home + "/front"))
            BOOST_TEST_REQUIRE(::kill(proxy->id(), 0) == 0);
    }
    ~balanced()
    {
        ::kill(proxy->id(), SIGTERM);
        proxy.reset();
        for (auto& [name, each] : daemons) {
            each->signal(SIGTERM);
            BOOST_TEST(each->status() == 0, name);
        }
    }
    /// Loads every model in turn; how many were resident before. A header names every other one.
    int cached()
    {
        words all{"/usr/bin/curl", "-sS", "--max-time", "60", "--unix-socket", home + "/front"};
        for (int i = 0; i != model_count; ++i) {
            const std::string name = "m" + std::to_string(i);
            words one{"-w",
                      "%{http_code}\n",
                      "-H",
                      "Content-Type: application/json",
                      "-d",
                      R"({"model":")" + name + R"("})",
                      "http://any/rpc/load"};
            if (i % 2 == 0)
                one.insert(one.end(), {"-H", "x-warmd-model: " + name});
            if (i != 0)
                one.insert(one.begin(), {"--next", "-sS", "--unix-socket", home + "/front"});
            all.insert(all.end(), one.begin(), one.end());
        }
        const test::program_result said = test::program({.words = std::move(all)}).result();
        const auto count = [&](const std::string& part) {
            int found = 0;
            for (std::size_t at = 0; (at = said.out.find(part, at)) != said.out.npos; ++at)
                ++found;
            return found;
        };
        BOOST_TEST(count("}200\n") == model_count, said.out); // none was lost
        return count(R"("cached":true)");
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(a_model_stays_where_it_is_and_only_those_of_a_daemon_that_ends_move)
{
    if (!std::filesystem::exists("/usr/sbin/haproxy")) {
        BOOST_TEST_MESSAGE("SKIPPED: there is no haproxy here");
        return;
    }
    balanced by;
    BOOST_TEST(by.cached() == 0);
    int all = 0;
    for (int round = 0; round != 20 && all != model_count; ++round)
        all = by.cached();
    BOOST_TEST(all == model_count);
    by.daemons["two"]->signal(SIGTERM);
    const int stayed = by.cached(); // while it drains, and after
    BOOST_TEST(by.daemons["two"]->status() == 0);
    by.daemons.erase("two");
    BOOST_TEST(stayed > model_count / 3, stayed);
    BOOST_TEST(stayed < model_count, stayed);
    // Those that it still answered as it ended move now; on a busy machine a check may fail, and
    // some move once more.
    int cached = 0;
    for (int round = 0; round != 20 && cached != model_count; ++round)
        cached = by.cached();
    BOOST_TEST(cached == model_count);
}

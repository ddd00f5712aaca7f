// Suites as their users run them: warmctl check, run and gate, beside a daemon and a real model.

#include "support/daemon.hpp"
#include "support/program.hpp"
#include "support/raw_client.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

const std::filesystem::path data = WARMD_TEST_DATA;

std::string text_of(const std::filesystem::path& file)
{
    std::ifstream from(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(from), {}};
}

struct judged {
    place here;
    std::optional<running> daemon{std::in_place, here.socket};

    judged() { BOOST_TEST_REQUIRE(!daemon->line_with("ready").empty()); }
    ~judged()
    {
        daemon->signal(SIGTERM);
        BOOST_TEST(daemon->status() == 0);
    }
    test::program_result warmctl(words more) const
    {
        more.insert(more.begin(), {WARMCTL, "--socket", here.socket});
        return test::program({.words = std::move(more)}).result();
    }
    std::string file(const std::string& name, const std::string& text) const
    {
        const std::string path = here.directory.path / name;
        test::write_file(path, text);
        return path;
    }
};

/// Scores, verdicts and measures are as expected.
void check_report(const json::value& found, const std::string& golden)
{
    const json::value expected = json::parse(text_of(data / "suites/demo" / golden));
    const double overall = found.at("score").at("overall").to_number<double>();
    BOOST_TEST(std::abs(overall - expected.at("score").at("overall").to_number<double>()) < 2e-4);
    const json::array &probes = found.at("probes").as_array(),
                      &others = expected.at("probes").as_array();
    BOOST_TEST_REQUIRE(probes.size() == others.size());
    for (std::size_t i = 0; i != probes.size(); ++i) {
        BOOST_TEST(probes[i].at("name") == others[i].at("name"));
        BOOST_TEST(probes[i].at("verdict") == others[i].at("verdict"), probes[i].at("name"));
        if (others[i].at("raw").is_null())
            continue;
        const double raw = probes[i].at("raw").to_number<double>(),
                     other = others[i].at("raw").to_number<double>();
        BOOST_TEST(std::abs(raw - other) < 2e-6 + 1e-5 * std::abs(other), probes[i].at("name"));
    }
    BOOST_TEST(found.at("warmd").at("gate").at("ok") == expected.at("gate_ok"));
}

std::string without_times(const std::string& text)
{
    json::value report = json::parse(text);
    json::object& of = report.as_object();
    for (const char* each : {"started_at", "finished_at", "wall_seconds"})
        of.erase(each);
    of.at("backend_stats").as_object().erase("scoring_wall_s");
    for (json::value& each : of.at("probes").as_array())
        each.as_object().erase("duration_s");
    return json::serialize(report);
}

const std::string models = R"("models": {"base": {"base": ")" + (data / "demo/model").string() +
                           R"("}, "ft": {"base": ")" + (data / "demo/model").string() +
                           R"(", "adapter": ")" + (data / "demo/adapter").string() + R"("}})";
const std::string effect =
    R"("suite": [{"name": "effect", "kind": "delta_kl", "prompts": ["In the"]}])";

} // namespace

BOOST_DATA_TEST_CASE(check_finds_what_was_found_by_another_program,
                     boost::unit_test::data::make({"adapter", "adapter-early-05"}), name)
{
    const judged one;
    const test::program_result said =
        one.warmctl({"check", (data / "demo" / name).string(), "--base",
                     (data / "demo/model").string(), "--json"});
    BOOST_TEST_REQUIRE(said.status == 0, said.err); // it works, and knowledge broke
    BOOST_TEST(said.err == "");
    check_report(json::parse(said.out), "expected-check-" + std::string(name) + ".json");
}

BOOST_AUTO_TEST_CASE(the_published_rules_find_what_was_found_by_another_program)
{
    const judged one;
    const std::string suite = data / "suites/demo/suite.yaml";
    const test::program_result said = one.warmctl({"run", suite, "--mode", "compat", "--json"});
    BOOST_TEST_REQUIRE(said.status == 0, said.err);
    const json::value found = json::parse(said.out);
    BOOST_TEST(found.at("warmd").at("mode") == "compat: sway");
    check_report(found, "expected-compat.json");
    const test::program_result dry = one.warmctl({"run", suite, "--mode", "compat", "--dry-run"});
    BOOST_TEST(dry.out.find("draws   6, at least 0") != std::string::npos, dry.out);
    BOOST_TEST(one.warmctl({"gate", suite, "--mode", "compat", "--only", "moves,dose"}).status ==
               0);
    BOOST_TEST(one.warmctl({"gate", suite, "--mode", "compat", "--only", "knowledge"}).status == 1);
}

BOOST_DATA_TEST_CASE(the_same_request_has_the_same_bytes_but_for_times,
                     boost::unit_test::data::make({"default", "compat"}), rules)
{
    const judged one;
    const std::string suite = data / "suites/demo/suite.yaml";
    const words asked{"run", suite, "--mode", rules, "--only", "moves,sections,style", "--json"};
    const test::program_result first = one.warmctl(asked), second = one.warmctl(asked);
    BOOST_TEST_REQUIRE(first.status == 0, first.err);
    BOOST_TEST(without_times(first.out) == without_times(second.out));
}

BOOST_AUTO_TEST_CASE(check_speaks_plainly_and_writes_what_is_asked_for)
{
    const judged one;
    const std::string adapter = data / "demo/adapter", base = data / "demo/model",
                      page = one.here.directory.path / "page.html",
                      junit = one.here.directory.path / "junit.xml";
    const test::program_result said =
        one.warmctl({"check", adapter, "--html", page, "--junit", junit});
    BOOST_TEST(said.status == 0, said.err);
    BOOST_TEST(said.out.starts_with("yellow: it works, and it broke knowledge\n"), said.out);
    BOOST_TEST(text_of(page).find("<svg") != std::string::npos);
    BOOST_TEST(text_of(junit).find("<testsuite") != std::string::npos);
    BOOST_TEST(one.warmctl({"check", adapter, "--base", base, "--strict"}).status == 1);
    BOOST_TEST(one.warmctl({"check", base, "--base", base}).status == 2); // no adapter
}

BOOST_AUTO_TEST_CASE(a_gate_tells_by_its_status)
{
    const judged one;
    const std::string suite = one.file("suite.json", "{" + models + ", " + effect + "}");
    BOOST_TEST(one.warmctl({"gate", suite}).status == 0);
    BOOST_TEST(one.warmctl({"gate", suite, "--threshold", "1"}).status == 1);
    BOOST_TEST(one.warmctl({"gate", suite, "--strict"}).status == 1); // nothing of attribution
    const test::program_result dry = one.warmctl({"run", suite, "--dry-run"});
    BOOST_TEST(dry.status == 0, dry.err);
    BOOST_TEST(dry.out.find("probes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_wrong_suite_is_told_with_line_and_column_and_nothing_is_loaded)
{
    const judged one;
    const std::string suite = one.file(
        "suite.yaml", "version: 1\nsuite:\n  - name: effect\n    kind: delta_kl\n    moves: 1\n");
    const test::program_result said = one.warmctl({"gate", suite});
    BOOST_TEST(said.status == 2);
    BOOST_TEST(said.err.find("suite.yaml:5:") != std::string::npos, said.err);
    BOOST_TEST(one.warmctl({"ps", "--json"}).out.find("demo") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_run_that_is_cancelled_midway_leaves_no_lease)
{
    judged one;
    const std::string model = R"({"base": ")" + (data / "demo/model").string() +
                              R"(", "adapter": ")" + (data / "demo/adapter").string() + R"("})";
    test::raw_client client(one.here.socket);
    client.send(R"({"jsonrpc":"2.0","id":1,"method":"suite.run","params":{"progress":true,)"
                R"("suite":{"suite":[{"name":"null","kind":"null_adapter","draws":10000},)"
                R"({"name":"effect","kind":"delta_kl","prompts":["In the","And the"]}]},"model":)" +
                model + "}}\n");
    const std::string progress = R"("$/progress")";
    std::string line;
    while (line.find(R"("running")") == line.npos) {
        line = client.line();
        BOOST_TEST_REQUIRE(line.find(progress) != line.npos, line);
    }
    client.send(R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}})"
                "\n");
    while (line.find(progress) != line.npos)
        line = client.line();
    BOOST_TEST(line.find("-32800") != line.npos, line);
    // It ends once nobody uses the model.
    BOOST_TEST(one.daemon->connect().call("unload", R"({"model":)" + model + '}').has_value());
}

BOOST_AUTO_TEST_CASE(without_a_daemon_the_status_is_3)
{
    const place nowhere;
    const test::program_result said =
        test::program({.words = {WARMCTL, "--socket", nowhere.socket, "check",
                                 (data / "demo/adapter").string()}})
            .result();
    BOOST_TEST(said.status == 3, said.err);
}

BOOST_AUTO_TEST_CASE(two_adapters_are_compared_by_one_suite)
{
    const judged one;
    const std::string suite =
        one.file("s.json", R"({"version": 1, "suite": [{"name": "effect", "kind": "delta_kl",)"
                           R"("prompts": ["In the", "The king", "A day"],)"
                           R"("assert_mean_gte": 0.35}]})");
    const std::string early = data / "demo/adapter-early-05", late = data / "demo/adapter";
    const test::program_result better = one.warmctl({"diff", suite, "--a", early, "--b", late});
    BOOST_TEST(better.status == 0, better.err);
    BOOST_TEST(better.out.find("  effect: ") != std::string::npos, better.out);
    BOOST_TEST(better.out.find("per prompt +") != std::string::npos, better.out);
    BOOST_TEST(better.out.find("3 prompts") != std::string::npos, better.out);
    const test::program_result worse = one.warmctl({"diff", suite, "--a", late, "--b", early});
    BOOST_TEST(worse.status == 1, worse.err);
    BOOST_TEST(worse.out.find("BADLY REGRESSED") != std::string::npos, worse.out);
    BOOST_TEST(one.warmctl({"diff", suite, "--a", late, "--b", "/none"}).status == 2);
}

BOOST_AUTO_TEST_CASE(an_adapter_is_judged_when_its_files_are_there_and_a_command_told_of_a_failure)
{
    const judged one;
    const std::filesystem::path home = one.here.directory.path;
    const std::string suite =
        one.file("s.json", R"({"version": 1, "suite": [{"name": "effect", "kind": "delta_kl",)"
                           R"("prompts": ["In the"], "assert_mean_gte": 100}]})");
    const std::string pointer = one.file("latest", (data / "demo/adapter").string() + "\n");
    const auto watch = [&](words more) {
        more.insert(more.begin(), {WARMCTL, "--socket", one.here.socket, "watch", "--suite", suite,
                                   "--debounce", "0", "--once"});
        return test::program({.words = std::move(more),
                              .environment = {"HOME=" + home.string(), "XDG_STATE_HOME="}})
            .result();
    };
    const test::program_result failed =
        watch({"--pointer", pointer, "--on-fail", "cp $WARMD_RESULT_PATH " + home.string() + "/r"});
    BOOST_TEST(failed.status == 1, failed.err);
    BOOST_TEST(failed.out.find("FAIL") != std::string::npos, failed.out);
    BOOST_TEST(text_of(home / "r").find("\"schema_version\"") != std::string::npos);
    BOOST_TEST(watch({"-a", (data / "demo/model").string()}).status == 2); // no adapter
}

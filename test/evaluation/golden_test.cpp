// Whole suites on the demo model, against reports that an implementation in another language made.

#include "evaluation/batches.hpp"
#include "evaluation/packs.hpp"
#include "evaluation/report.hpp"
#include "support/demo_model.hpp"
#include "support/tensor_file.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <set>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

const std::filesystem::path goldens = hf::test_data / "suites/demo";

json::object examined(const suite_reading& suite, const std::string& adapter)
{
    BOOST_REQUIRE(suite.faults.empty());
    const loader by = hf::hf_loader();
    const model_spec spec = hf::spec_of(hf::demo / "model", hf::demo / adapter);
    const auto model = hf::load_with(by, spec).value();
    examination what(suite.read, by.resolve(spec, {}).value().longest_input);
    for (;;) {
        std::vector<batch> batches = batches_of(what.next());
        if (batches.empty())
            return report_json(what, {.version = "0"});
        std::vector<operation> operations;
        for (batch& each : batches)
            operations.push_back(std::move(each.what));
        auto answers = hf::ask_all(*model, std::move(operations));
        for (std::size_t i = 0; i != batches.size(); ++i)
            tell(what, batches[i], std::move(answers[i]));
    }
}

/// How far a number may be off: absolutely, and of itself.
struct tolerance {
    double absolute = 1e-4, relative = 1e-4;
};

tolerance tolerance_of(std::string_view name)
{
    if (name == "raw" || name == "base_value" || name == "ft_value")
        return {2e-6, 1e-5};
    if (name == "z_score" || name.starts_with("rank_"))
        return {1e-6, 1e-3}; // of sections it is 0, but for the last bits of a sum
    if (name == "mean" || name == "sd" || name == "median" || name == "min" || name == "max")
        return {1e-3, 1e-3};
    return {};
}

/// All that is expected is there; `path` says where it is not.
void compare(const std::string& path, std::string_view name, const json::value& found,
             const json::value& expected)
{
    if (expected.is_object()) {
        BOOST_REQUIRE_MESSAGE(found.is_object(), path << " is no object");
        for (const auto& each : expected.get_object()) {
            const std::string_view key = each.key();
            if (key == "p" || key == "p_range" || key == "t_p")
                continue; // below
            const json::value* const member = found.get_object().if_contains(key);
            BOOST_REQUIRE_MESSAGE(member, path << '.' << key << " is missing");
            compare(path + '.' + std::string(key), key, *member, each.value());
        }
    } else if (expected.is_array()) {
        BOOST_REQUIRE_MESSAGE(found.is_array(), path << " is no array");
        BOOST_REQUIRE_MESSAGE(found.get_array().size() == expected.get_array().size(),
                              path << " has " << found.get_array().size() << " elements");
        for (std::size_t i = 0; i != expected.get_array().size(); ++i)
            compare(path + '[' + std::to_string(i) + ']', name, found.at(i), expected.at(i));
    } else if (expected.is_number() && found.is_number()) {
        const double a = found.to_number<double>(), b = expected.to_number<double>();
        const tolerance by = tolerance_of(name);
        BOOST_TEST(std::abs(a - b) <= by.absolute + by.relative * std::abs(b),
                   path << " is " << a << ", not " << b);
    } else {
        BOOST_TEST(found == expected,
                   path << " is " << canonical_json(found) << ", not " << canonical_json(expected));
    }
}

void compare_p(const std::string& path, const json::value& found, const json::value& expected)
{
    const json::value &p = found.at("p"), &of = expected.at("p");
    if (const json::value* const range = expected.as_object().if_contains("p_range")) {
        BOOST_TEST(p.to_number<double>() >= range->at(0).to_number<double>() - 1e-12, path);
        BOOST_TEST(p.to_number<double>() <= range->at(1).to_number<double>() + 1e-12, path);
    } else {
        compare(path + ".p", "p", p, of);
    }
}

void check(const json::object& report, const std::string& golden)
{
    const json::value expected = hf::read_json_file(goldens / golden);
    const json::array& probes = report.at("probes").as_array();
    BOOST_REQUIRE(probes.size() == expected.at("probes").as_array().size());
    for (std::size_t i = 0; i != probes.size(); ++i) {
        const json::value& probe = expected.at("probes").at(i);
        const std::string name(probe.at("name").as_string());
        compare(name, "", probes[i], probe);
        BOOST_TEST(probes[i].at("evidence").as_object().size() ==
                       probe.at("evidence").as_object().size(),
                   name << " tells more: " << canonical_json(probes[i].at("evidence")));
        if (const auto* const own = probe.as_object().if_contains("warmd"))
            compare_p(name, probes[i].at("warmd"), *own);
    }
    compare("score", "", report.at("score"), expected.at("score"));
    const json::value& own = report.at("warmd");
    compare("composite", "", own.at("composite"), expected.at("composite"));
    BOOST_TEST(own.at("gate").at("ok") == expected.at("gate_ok"));
    BOOST_TEST(own.at("mode") == expected.at("mode"));
    std::set<std::string_view> notes;
    for (const json::value& each : own.at("notes").as_array())
        notes.insert(each.at("id").as_string());
    BOOST_TEST(json::value(json::array(notes.begin(), notes.end())) == expected.at("notes"));
}

suite_reading demo_suite(mode judged_by)
{
    return read_suite(hf::read_json_file(goldens / "suite.json"), judged_by);
}
suite_reading check_suite() { return read_suite(parse_json(check_suite_text()).value()); }

} // namespace

BOOST_AUTO_TEST_CASE(the_suite_of_a_quick_check_finds_what_is_expected)
{
    check(examined(check_suite(), "adapter"), "expected-check-adapter.json");
}

BOOST_AUTO_TEST_CASE(and_of_an_adapter_that_has_hardly_learned)
{
    check(examined(check_suite(), "adapter-early-05"), "expected-check-adapter-early-05.json");
}

BOOST_AUTO_TEST_CASE(every_probe_finds_what_is_expected)
{
    check(examined(demo_suite(mode::standard), "adapter"), "expected-default.json");
}

BOOST_AUTO_TEST_CASE(and_by_the_published_rules)
{
    check(examined(demo_suite(mode::sway), "adapter"), "expected-compat.json");
}

BOOST_AUTO_TEST_CASE(an_adapter_that_changes_nothing_scores_nothing)
{
    const test::scratch_directory there;
    const auto copied = std::filesystem::copy_options::recursive;
    std::filesystem::copy(hf::demo / "adapter", there.path / "none", copied);
    const std::filesystem::path file = there.path / "none/adapter_model.safetensors";
    test::tensor_file tensors = test::read_tensors(file);
    for (auto& [name, tensor] : tensors)
        if (name.find("lora_B") != std::string::npos)
            tensor.bytes.assign(tensor.bytes.size(), '\0');
    test::write_tensors(file, tensors);
    const json::object report = examined(demo_suite(mode::standard), there.path / "none");
    BOOST_TEST(report.at("score").at("overall").to_number<double>() == 0);
    BOOST_TEST(report.at("score").at("band") == "noise");
}

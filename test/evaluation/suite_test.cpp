#include "evaluation/suite.hpp"

#include "base/sha256.hpp"
#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <iterator>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

std::string file(const std::string& name)
{
    std::ifstream in(std::string(WARMD_TEST_DATA "/suites/") + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

suite_reading read(std::string_view text, std::optional<mode> judged_by = {})
{
    return read_suite(parse_json(text).value(), judged_by);
}

/// The faults, each as "pointer text", one a line.
std::string faults_of(std::string_view text)
{
    return joined(read(text).faults, "\n",
                  [](const fault& each) { return each.pointer + ' ' + each.text; });
}

std::string with_entry(std::string_view fields)
{
    return R"({"suite": [{"name": "x", )" + std::string(fields) + "}]}";
}

} // namespace

BOOST_AUTO_TEST_CASE(digests_are_those_of_the_standard)
{
    // NIST's examples, and one that fills its block to the length's place.
    BOOST_TEST(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    BOOST_TEST(sha256(std::string(1'000'000, 'a')) ==
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(the_demo_suite_is_read_entry_by_entry)
{
    const suite_reading made = read(file("demo/suite.json"));
    BOOST_TEST(made.faults.empty());
    const suite& read = made.read;
    BOOST_TEST(read.entries.size() == 19u);
    BOOST_TEST(read.sections.size() == 6u);
    BOOST_TEST(read.sections[4].probes.size() == 3u);
    BOOST_TEST(read.sections[5].preferences.front().chosen == " said unto him");
    BOOST_TEST(read.entries[0].idle == (std::vector<std::string>{"runs", "rank_multipliers"}),
               boost::test_tools::per_element());
    const auto& kl = std::get<spec::delta_kl>(read.entries[2].what);
    BOOST_TEST((kl.divergence == divergence_kind::kl));
    BOOST_TEST(kl.top_k.value() == 64u);
    BOOST_TEST(std::get<spec::tool_use_fidelity>(read.entries[7].what).cases[0].tool == "look_up");
    BOOST_TEST(std::get<spec::leakage>(read.entries[11].what).disturbed->size() == 7u);
    BOOST_TEST(std::get<spec::training_drift>(read.entries[15].what).losses->size() == 14u);
    BOOST_TEST(kind_of(read.entries[16].what) == "gradient_ghost");
    BOOST_TEST(!read.entries[18].enabled);
    BOOST_TEST(needed_draws(read) == 119u); // six that are compared, each with its share of 0.05
    BOOST_TEST(draws_of(read) == 119u);
}

BOOST_AUTO_TEST_CASE(what_one_mode_does_not_use_is_idle_there_only)
{
    const suite_reading sway = read(file("demo/suite.json"), mode::sway);
    BOOST_TEST(sway.faults.empty());
    BOOST_TEST(sway.read.entries[0].idle.empty());
}

BOOST_AUTO_TEST_CASE(everything_that_is_wrong_is_told_at_once)
{
    BOOST_TEST(faults_of(R"({"version": 2, "sweet": 1, "suite": [
        {"name": "moves", "kind": "delta_kl", "top_k": 0, "prompt": [], "weight": -1},
        {"name": "moves", "kind": "adapter_ablation", "lambdas": [0, 1, 1], "prompts": ["a", 3]},
        {"name": "known", "kind": "calibration_drift", "items": [{"prompt": "a"}]}]})") ==
               R"(/version version: found 2, allowed a whole number from 1 to 1
/suite/0/weight suite[0] "moves": weight: found -1, allowed a number from 0
/suite/0/top_k suite[0] "moves": top_k: found 0, allowed a whole number from 1 to 16777216
/suite/0/prompt suite[0] "moves": )"
               "prompt: unknown key; delta_kl takes name, enabled, weight, optional, kind, "
               "assert_z_gte, prompts, divergence, top_k, assert_mean_gte"
               R"(
/suite/1/prompts/1 suite[1] "moves": prompts[1]: found 3, allowed a string
/suite/1/lambdas suite[1] "moves": lambdas: found [0,1,1], allowed distinct numbers
/suite/1 suite[1]: another entry is named "moves", too
/suite/2/items/0 suite[2] "known": items[0]: gold is missing
/sweet )"
               "sweet: unknown key; a suite takes version, mode, models, defaults, suite, "
               "sections, documents, doc_text, dlm_source");
}

BOOST_AUTO_TEST_CASE(a_kind_that_nobody_knows_has_a_nearest_one)
{
    const std::string told = faults_of(with_entry(R"("kind": "delta_lk")"));
    BOOST_TEST(told.starts_with("/suite/0/kind suite[0] \"x\": kind: found \"delta_lk\""));
    BOOST_TEST(told.ends_with("multi_turn_coherence_decay (nearest: delta_kl)"));
}

BOOST_AUTO_TEST_CASE(the_null_adapter_comes_first_and_has_draws_enough)
{
    BOOST_TEST(faults_of(R"({"suite": [{"name": "a", "kind": "delta_kl"},
                                       {"name": "b", "kind": "null_adapter"}]})") ==
               "/suite/1 suite[1]: null_adapter is the first entry, and the only one of its kind");
    const auto with = [](const std::string& fields) {
        return R"({"suite": [{"name": "n", "kind": "null_adapter")" + fields +
               R"(}, {"name": "a", "kind": "delta_kl"}, {"name": "b", "kind": "delta_kl"}]})";
    };
    BOOST_TEST(faults_of(with(R"(, "draws": 38)")) ==
               " the suite: null_adapter has 38 draws, and no probe could pass with fewer than 39");
    BOOST_TEST(faults_of(with(R"(, "draws": 39)")) == "");
    BOOST_TEST(faults_of(with(R"(, "draws": 19, "correction": "none")")) == "");
    BOOST_TEST(faults_of(with(R"(, "draws": 1, "calibrate_kinds": ["preference_flip"])")) == "");
    BOOST_TEST(draws_of(read(with("")).read) == 39u);
    BOOST_TEST(draws_of(read(with(R"(, "alpha": 0.1)")).read) == 32u);
    BOOST_TEST(read(with(R"(, "draws": 1)"), mode::sway).faults.empty());
}

BOOST_AUTO_TEST_CASE(models_are_one_base_and_an_adapter_of_it)
{
    const auto with = [](const std::string& models) {
        return R"({"suite": [{"name": "a", "kind": "delta_kl"}], "models": )" + models + '}';
    };
    const suite_reading good = read(with(R"({"base": {"kind": "hf", "base": "/m/"},
        "ft": {"kind": "hf", "base": "/m", "adapter": "/a", "endpoint": null}})"));
    BOOST_TEST(good.faults.empty());
    BOOST_TEST(good.read.ft->adapter.value() == "/a");
    BOOST_TEST(faults_of(with(R"({"ft": {"base": "/m"}})")) ==
               "/models models: ft has no adapter: there is nothing to judge");
    BOOST_TEST(faults_of(with(R"({"ft": {"base": "/m", "adapter": "/a"}, "base": {"base": "/n"}})"))
                   .starts_with("/models models: ft.base is /m, and base.base is /n"));
    const suite_reading elsewhere = read(with(R"({"ft": {"kind": "mlx", "base": "/m"}})"));
    BOOST_TEST((elsewhere.faults.front().code == errc::unsupported));
    BOOST_TEST(elsewhere.faults.front().text == "models.ft.kind: unsupported: mlx");
}

BOOST_AUTO_TEST_CASE(words_of_yaml_1_1_are_booleans_only_where_one_is_expected)
{
    const suite_reading made = read(with_entry(
        R"("kind": "delta_kl", "enabled": "off", "optional": "YES", "prompts": ["on"])"));
    BOOST_TEST(made.faults.empty());
    BOOST_TEST(!made.read.entries[0].enabled);
    BOOST_TEST(made.read.entries[0].optional);
    BOOST_TEST(faults_of(with_entry(R"("kind": "delta_kl", "prompts": [true])")) ==
               "/suite/0/prompts/0 suite[0] \"x\": prompts[0]: found true, allowed a string");
    BOOST_TEST(!read(with_entry(R"("kind": "delta_kl", "enabled": 0)")).faults.empty());
}

BOOST_AUTO_TEST_CASE(fields_of_unsupported_kinds_are_not_looked_at)
{
    const suite_reading made = read(with_entry(R"("kind": "gradient_ghost", "anything": [1])"));
    BOOST_TEST(made.faults.empty());
    BOOST_TEST(kind_of(made.read.entries[0].what) == "gradient_ghost");
}

BOOST_AUTO_TEST_CASE(a_suite_of_nothing_or_of_another_shape_is_refused)
{
    BOOST_TEST(faults_of("[]") == " the suite: found [], allowed an object");
    BOOST_TEST(faults_of("{}") == " the suite: suite is missing");
    BOOST_TEST(faults_of(R"({"suite": []})") == "/suite suite: has 0 entries, allowed 1 to 256");
    BOOST_TEST(faults_of(R"({"suite": [7]})") == "/suite/0 suite[0]: found 7, allowed an object");
    BOOST_TEST(faults_of(R"({"suite": [{"name": "a", "kind": "delta_kl"}],
                             "defaults": {"score_weights": {"adherence": 0, "attribution": 0,
                                "calibration": 0, "ablation": 0}}})") ==
               "/defaults/score_weights defaults.score_weights: the weights sum to 0");
}

BOOST_AUTO_TEST_CASE(a_section_without_an_id_is_named_by_its_content)
{
    const suite_reading made = read(R"({"suite": [{"name": "a", "kind": "delta_kl"}],
                                        "sections": [{"content": "abc"}]})");
    BOOST_TEST(made.read.sections[0].id == "ba7816bf8f01cfea");
}

// Mode compat: the published rules, as far as the demo's golden has nothing of them.

#include "support/canned_model.hpp"
#include "support/vectors.hpp"

#include <numbers>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

const std::string moves = R"({"name": "moves", "kind": "delta_kl", "prompts": ["a"]})";

/// A suite of these entries; `more`: members beside them.
std::string suite_of(const std::string& entries, const std::string& more = "")
{
    return R"({"suite": [)" + entries + ']' + (more.empty() ? "" : ", " + more) + '}';
}

std::string with_nulls(const std::string& fields, const std::string& entries)
{
    return R"({"name": "null", "kind": "null_adapter")" + (fields.empty() ? "" : ", " + fields) +
           "}, " + entries;
}

json::object run(const std::string& suite, canned_model by = {})
{
    return examined(suite, mode::sway, by);
}

double at(const json::value& of, std::string_view name) { return number_of(of.at(name)); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

const json::value& null_evidence(const json::object& report)
{
    return probe_in(report, "null").at("evidence");
}

} // namespace

BOOST_AUTO_TEST_CASE(z_is_the_distance_from_a_few_draws_and_makes_verdict_and_score)
{
    const json::object report = run(suite_of(with_nulls("", moves)));
    const json::value &probe = probe_in(report, "moves"), &stats = report.at("null_stats");
    const double z =
        (at(probe, "raw") - at(stats.at("delta_kl"), "mean")) / at(stats.at("delta_kl"), "std");
    BOOST_TEST(is_close(z, probe.at("z_score")));
    BOOST_TEST(is_close(z, probe.at("evidence").at("z_by_rank").at("rank_1.00")));
    BOOST_TEST(is_close(sigmoid(std::min(z / 3, 50.0)), probe.at("score")));
    BOOST_TEST(probe.at("verdict") == "pass");
    BOOST_TEST(!probe.as_object().contains("warmd"));
    BOOST_TEST(stats == null_evidence(report).at("null_stats"));
    BOOST_TEST(at(probe_in(report, "null"), "score") == 1);
    BOOST_TEST(at(report.at("score").at("components"), "baseline") == 1);
}

BOOST_AUTO_TEST_CASE(less_than_the_asserted_z_fails_whatever_the_thresholds_say)
{
    const json::object report = run(suite_of(with_nulls(
        "", R"({"name": "moves", "kind": "delta_kl", "prompts": ["a"], "assert_z_gte": 1e9})")));
    BOOST_TEST(probe_in(report, "moves").at("verdict") == "fail");
    BOOST_TEST(at(probe_in(report, "moves"), "score") > 0.9);
}

BOOST_AUTO_TEST_CASE(without_a_z_the_thresholds_judge)
{
    for (const std::string& suite :
         {suite_of(moves), suite_of(with_nulls(R"("runs": 1)", moves)),
          suite_of(with_nulls(R"("calibrate_kinds": ["leakage"])", moves))}) {
        const json::object report = run(suite);
        const json::value& probe = probe_in(report, "moves");
        BOOST_TEST(probe.at("z_score").is_null());
        BOOST_TEST(!probe.at("evidence").as_object().contains("z_by_rank"));
        BOOST_TEST(is_close(at(probe, "raw") / std::numbers::ln2, probe.at("score")));
    }
    const json::object one = run(suite_of(with_nulls(R"("runs": 1)", moves)));
    BOOST_TEST(at(one.at("null_stats").at("delta_kl"), "degenerate") == 1);
    BOOST_TEST(at(one.at("null_stats").at("delta_kl"), "std") == 1e-6);
}

BOOST_AUTO_TEST_CASE(draws_go_by_ranks_and_the_adapters_own_rank_counts)
{
    const auto stats = [](const std::string& ranks) {
        return run(suite_of(with_nulls(R"("rank_multipliers": )" + ranks, moves)));
    };
    const json::object one = stats("[0.5, 1, 2]"), none = stats("[2, 0.5]");
    const json::value &of_one = null_evidence(one), &of_none = null_evidence(none);
    BOOST_TEST(of_one.at("null_stats") == of_one.at("null_stats_by_rank").at("rank_1.00"));
    BOOST_TEST(of_none.at("null_stats") == of_none.at("null_stats_by_rank").at("rank_2.00"));
    BOOST_TEST(of_one.at("per_kind_raw_samples").at("delta_kl").at("rank_0.50").as_array().size() ==
               3u);
    BOOST_TEST(probe_in(one, "moves").at("evidence").at("z_by_rank").as_object().size() == 3u);
}

BOOST_AUTO_TEST_CASE(more_draws_than_are_measured_at_once_are_the_same_draws)
{
    const auto samples = [](const std::string& ranks) {
        const json::object report =
            run(suite_of(with_nulls(R"("runs": 10, "rank_multipliers": )" + ranks, moves)));
        return null_evidence(report).at("per_kind_raw_samples").at("delta_kl");
    };
    const json::value all = samples("[1, 2, 3, 4, 5]"), last = samples("[5]");
    BOOST_TEST(all.as_object().size() == 5u);
    BOOST_TEST(all.at("rank_5.00") == last.at("rank_5.00"));
    BOOST_TEST(last.at("rank_5.00").as_array().size() == 10u);
}

BOOST_AUTO_TEST_CASE(kinds_that_nothing_is_known_of_are_named_with_the_reason)
{
    const json::object report =
        run(suite_of(with_nulls("", moves + R"(, {"name": "recital", "kind": "leakage"},
                       {"name": "training", "kind": "training_drift"},
                       {"name": "off", "kind": "tool_use_fidelity", "enabled": false})")));
    const json::value& told = null_evidence(report);
    BOOST_TEST(told.at("calibrated_kinds") == json::value{"delta_kl"});
    BOOST_TEST(told.at("skipped_kinds").at(0).at("kind") == "training_drift");
    BOOST_TEST(told.at("skipped_kinds").at(0).at("reason") == "opts out");
    BOOST_TEST(told.at("skipped_kinds").at(1).at("kind") == "leakage");
    BOOST_TEST(probe_in(report, "recital").at("verdict") == "skip"); // no prose either
}

BOOST_AUTO_TEST_CASE(a_call_of_a_tool_is_judged_by_thresholds_and_by_z)
{
    const std::string call = R"({"name": "look_up", "arguments": {"query": "tides"}})";
    const std::string suite = suite_of(with_nulls("", R"({"name": "tools",
        "kind": "tool_use_fidelity", "assert_z_gte": 2, "cases": [{"prompt": "x",
        "gold_tool_name": "look_up", "tool_spec": {"name": "look_up", "arguments": {"type":
        "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}}}]})"));
    const json::object report = run(suite, {.ft_text = call, .even_text = call});
    const json::value& probe = probe_in(report, "tools");
    // Even seeds call one of two tools as they should: 0.5, 0, 0.5.
    const double z = (1 - 1.0 / 3) / std::sqrt(1.0 / 18);
    BOOST_TEST(is_close(z, probe.at("z_score")));
    BOOST_TEST(probe.at("verdict") == "pass");
    BOOST_TEST(is_close(0.7 + 0.3 * sigmoid(z / 3), probe.at("score")));
}

BOOST_AUTO_TEST_CASE(reciting_more_than_the_nulls_is_a_negative_z)
{
    const std::string rest = "and it was told in the evening by the fire.";
    const json::object report = run(
        suite_of(with_nulls("", R"({"name": "recital", "kind": "leakage", "prefix_chars": 128})"),
                 R"("sections": [{"content": ")" + std::string(128, 'x') + rest + R"("}])"),
        {.ft_text = rest});
    BOOST_TEST(at(probe_in(report, "recital"), "raw") == 1);
    BOOST_TEST(at(probe_in(report, "recital"), "z_score") < 0);
    BOOST_TEST(probe_in(report, "recital").at("verdict") == "fail");
}

BOOST_AUTO_TEST_CASE(too_few_wrong_preferences_are_a_warning_without_a_z)
{
    const json::object report = run(suite_of(with_nulls("", R"({"name": "preference",
        "kind": "preference_flip",
        "triples": [{"prompt": "a", "chosen": "bbb", "rejected": "cc"}]})")));
    const json::value& probe = probe_in(report, "preference");
    BOOST_TEST(probe.at("verdict") == "warn");
    BOOST_TEST(at(probe, "raw") == 0.5); // one token more, each half a nat likelier
    BOOST_TEST(at(probe, "score") == 0.625);
    BOOST_TEST(probe.at("z_score").is_null());
    BOOST_TEST(report.at("null_stats").as_object().contains("preference_flip"));
}

BOOST_AUTO_TEST_CASE(a_token_counts_as_four_characters)
{
    const std::string suite = suite_of(R"({"name": "knowledge", "kind": "calibration_drift",
        "items": [{"prompt": "a", "gold": "123456789"}, {"prompt": "a", "gold": "12"}]})");
    canned_model by;
    const auto delta = [&](mode judged_by) {
        return at(probe_in(examined(suite, judged_by, by), "knowledge").at("evidence"),
                  "mean_delta");
    };
    BOOST_TEST(delta(mode::standard) == 0.5);
    BOOST_TEST(delta(mode::sway) == (9 * 0.5 / 2 + 2 * 0.5) / 2);
}

BOOST_AUTO_TEST_CASE(contexts_are_of_padding_tokens)
{
    const std::string suite = suite_of(R"({"name": "collapse", "kind": "prompt_collapse",
        "prompts": ["x"], "context_lengths": [0, 6, 600]})");
    canned_model by;
    const json::object report = examined(suite, mode::sway, by);
    const json::value& probe = probe_in(report, "collapse");
    BOOST_TEST(std::ranges::count(by.asked, "<pad><\n\nx", &question::text) == 1);
    BOOST_TEST(probe.at("evidence").at("context_lengths") == (json::value{0, 6}));
    BOOST_TEST(probe.at("verdict") == "fail"); // it does not fade
    BOOST_TEST(probe.at("raw").is_null());
    BOOST_TEST(probe_in(run(suite, {.pad = {}}), "collapse").at("verdict") == "skip");
}

BOOST_AUTO_TEST_CASE(contexts_may_be_of_prose_four_characters_a_token)
{
    canned_model by;
    examined(suite_of(R"({"name": "collapse", "kind": "prompt_collapse", "prompts": ["x"],
        "context_lengths": [0, 2], "legacy_stuffing": true})"),
             mode::sway, by);
    BOOST_TEST(std::ranges::any_of(by.asked, [](const question& each) {
        return each.text.size() == 8 + 3 && each.text.ends_with("\n\nx");
    }));
}

BOOST_AUTO_TEST_CASE(an_error_does_not_fail_the_gate_and_a_note_says_so)
{
    const std::string suite = suite_of(R"({"name": "moves", "kind": "delta_kl"})");
    canned_model by;
    const json::object published = examined(suite, mode::sway, by),
                       ours = examined(suite, mode::standard, by);
    BOOST_TEST(probe_in(published, "moves").at("verdict") == "error");
    BOOST_TEST(published.at("warmd").at("gate").at("ok").as_bool());
    BOOST_TEST(published.at("warmd").at("notes").at(0).at("id") == "sway-e");
    BOOST_TEST(!ours.at("warmd").at("gate").at("ok").as_bool());
    BOOST_TEST(ours.at("warmd").at("notes").as_array().empty());
}

BOOST_AUTO_TEST_CASE(what_needs_an_embedder_is_skipped)
{
    const json::object report = run(suite_of(
        R"({"name": "topics", "kind": "cluster_kl", "prompts": ["a", "b"]},
           {"name": "revert", "kind": "adapter_revert",
            "cases": [{"prompt": "a", "gold": "b", "paraphrases": ["c"]}]})"));
    for (const std::string_view name : {"topics", "revert"}) {
        BOOST_TEST(probe_in(report, name).at("verdict") == "skip");
        BOOST_TEST(probe_in(report, name).at("message") == "no embedder");
    }
}

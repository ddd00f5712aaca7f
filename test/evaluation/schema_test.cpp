// The report's form: what readers of schema_version 1 rely on, whoever wrote it.

#include "support/canned_model.hpp"
#include "support/vectors.hpp"

#include <initializer_list>
#include <set>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

/// Reads a report as the published schema has it, and nothing else but `warmd`.
class strict_reader {
public:
    explicit strict_reader(const json::object& report)
    {
        keys(report, {"schema_version", "sway_version", "spec_path", "base_model_id", "adapter_id",
                      "started_at", "finished_at", "wall_seconds", "determinism", "backend_stats",
                      "score", "null_stats", "probes"});
        BOOST_TEST(report.at("schema_version") == 1);
        for (const char* name : {"sway_version", "base_model_id", "adapter_id"})
            BOOST_TEST(report.at(name).is_string(), name);
        for (const char* name : {"started_at", "finished_at"})
            time(report.at(name));
        BOOST_TEST(report.at("wall_seconds").is_number());
        determinism(report.at("determinism").as_object());
        numbers(report.at("backend_stats").as_object(),
                {"cache_hits", "cache_misses", "forward_passes", "hit_rate", "scoring_wall_s",
                 "batches_sent", "batched_prompts", "max_batch_size", "avg_batch_size"});
        score(report.at("score").as_object());
        for (const auto& [kind, stats] : report.at("null_stats").as_object())
            numbers(stats.as_object(), {"mean", "std", "n", "degenerate"});
        for (const json::value& each : report.at("probes").as_array())
            probe(each.as_object());
    }

private:
    using names = std::initializer_list<std::string_view>;

    static void keys(const json::object& of, const names& expected)
    {
        std::set<std::string_view> found;
        for (const auto& [name, value] : of)
            if (name != "warmd")
                found.insert(name);
        BOOST_TEST(found == std::set<std::string_view>(expected), boost::test_tools::per_element());
    }
    static void numbers(const json::object& of, const names& expected)
    {
        keys(of, expected);
        for (const auto& [name, value] : of)
            BOOST_TEST(value.is_number(), name);
    }
    static void time(const json::value& of)
    {
        BOOST_TEST(of.as_string().size() == std::string_view("2000-01-01T00:00:00Z").size());
        BOOST_TEST(of.as_string().ends_with('Z'));
    }
    static void number_or_null(const json::value& of, std::string_view name)
    {
        BOOST_TEST((of.is_null() || of.is_number()), name);
    }
    static void determinism(const json::object& of)
    {
        keys(of, {"class", "seed", "notes"});
        BOOST_TEST(of.at("class") == "strict");
        BOOST_TEST(of.at("seed").is_int64());
        BOOST_TEST(of.at("notes").is_array());
    }
    static void score(const json::object& of)
    {
        keys(of, {"overall", "band", "components", "weights", "findings"});
        BOOST_TEST(of.at("overall").is_number());
        BOOST_TEST((of.at("band").is_null() || of.at("band").is_string()));
        numbers(of.at("weights").as_object(),
                {"adherence", "attribution", "calibration", "ablation", "baseline"});
        for (const auto& [name, value] : of.at("components").as_object())
            BOOST_TEST(value.is_number(), name);
        for (const json::value& each : of.at("findings").as_array())
            BOOST_TEST(each.is_string());
    }
    static void probe(const json::object& of)
    {
        keys(of, {"name", "kind", "verdict", "score", "raw", "z_score", "base_value", "ft_value",
                  "evidence", "message", "duration_s", "ci_95"});
        for (const char* name : {"name", "kind", "message"})
            BOOST_TEST(of.at(name).is_string(), name);
        BOOST_TEST(std::ranges::count(verdicts, of.at("verdict").as_string()) == 1);
        for (const char* name : {"score", "raw", "z_score", "base_value", "ft_value"})
            number_or_null(of.at(name), name);
        BOOST_TEST(of.at("evidence").is_object());
        BOOST_TEST(of.at("duration_s").is_number());
        if (!of.at("ci_95").is_null())
            BOOST_TEST(numbers_of(of.at("ci_95")).size() == 2u);
    }
};

const std::string everything = R"({"suite": [{"name": "null", "kind": "null_adapter"},
    {"name": "moves", "kind": "delta_kl", "prompts": ["a", "b", "c"]},
    {"name": "knowledge", "kind": "calibration_drift", "items_limit": 8},
    {"name": "dose", "kind": "adapter_ablation", "prompts": ["a"]},
    {"name": "style", "kind": "style_fingerprint", "prompts": ["a"], "doc_reference": "A lamp."},
    {"name": "recital", "kind": "leakage"},
    {"name": "wrong", "kind": "paraphrase_invariance"},
    {"name": "turns", "kind": "multi_turn_coherence_decay"}]})";

std::string text_of_run(mode judged_by)
{
    canned_model by;
    return canonical_json(examined(everything, judged_by, by));
}

std::string form_of(const json::value& losses)
{
    json::object entry{{"name", "training"}, {"kind", "training_drift"}};
    for (const char* name : {"losses", "min_steps", "rolling_window"})
        if (const json::value* const given = losses.as_object().if_contains(name))
            entry[name] = *given;
    return canonical_json(json::object{{"suite", json::array{std::move(entry)}}});
}

} // namespace

BOOST_AUTO_TEST_CASE(a_strict_reader_reads_reports_of_both_modes)
{
    canned_model by;
    strict_reader(examined(everything, mode::standard, by));
    strict_reader(examined(everything, mode::sway, by));
}

BOOST_AUTO_TEST_CASE(the_same_request_has_the_same_bytes)
{
    BOOST_TEST(text_of_run(mode::standard) == text_of_run(mode::standard));
    BOOST_TEST(text_of_run(mode::sway) == text_of_run(mode::sway));
}

BOOST_AUTO_TEST_CASE(an_adapter_that_changes_nothing_has_no_score)
{
    canned_model by{.strength = 0, .ft_text = {}};
    by.ft_text = by.base_text;
    const json::object report = examined(everything, mode::standard, by);
    BOOST_TEST(report.at("score").at("overall").to_number<double>() == 0);
    BOOST_TEST(report.at("score").at("band") == "noise");
}

BOOST_AUTO_TEST_CASE(the_smoothness_of_a_training_is_as_published_in_both_modes)
{
    for (const json::value& each : vectors("training_drift").as_array())
        for (const mode judged_by : {mode::standard, mode::sway}) {
            canned_model by;
            const json::object report = examined(form_of(each), judged_by, by);
            const json::value& found = probe_in(report, "training");
            const json::value& evidence = found.at("evidence");
            BOOST_TEST(found.at("verdict") == each.at("verdict"));
            BOOST_TEST(is_close(number_of(found.at("score")), each.at("score")));
            for (const char* name : {"initial_loss", "final_loss", "convergence_ratio",
                                     "smoothness", "instability_events", "num_steps"})
                BOOST_TEST(is_close(number_of(evidence.at(name)), each.at(name)), name);
        }
}

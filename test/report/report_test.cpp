#include "report/report.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::reports;

namespace {

json::value sample()
{
    return parse_json(R"({
 "schema_version": 1, "sway_version": "warmd/0.1.0", "base_model_id": "/m/base",
 "adapter_id": "/m/<tuned>", "started_at": "2026-01-01T00:00:00Z", "wall_seconds": 1.5,
 "score": {"overall": 0.74, "band": null, "components": {"adherence": 0.8, "ablation": 0.5},
           "weights": {"adherence": 0.3}, "findings": ["knowledge: 9 facts were lost"]},
 "probes": [
  {"name": "effect", "kind": "delta_kl", "verdict": "pass", "score": 0.86, "raw": 0.25,
   "z_score": 3.9, "ci_95": [0.2, 0.3], "message": "a|b <i> & \u001b[31m \u202e",
   "duration_s": 0.25, "evidence": {"per_prompt": [0.2, 0.3]},
   "warmd": {"category": "adherence", "p": 0.048, "p_adjusted": 0.048, "effect_ratio": 1.3,
             "null": {"draws": 3, "match": "norm", "judged": true, "median": 0.19, "mean": 0.19,
                      "min": 0.1, "max": 0.2, "sd": 0.05, "samples": [0.1, 0.19, 0.2]}}},
  {"name": "dose", "kind": "adapter_ablation", "verdict": "warn", "score": 0.5, "raw": 1.9,
   "evidence": {"lambdas": [0, 0.5, 1], "mean_divergence_per_lambda": [0, 0.1, 0.25]},
   "warmd": {"null": {"match": "norm", "judged": false, "p05": 0.1, "p95": 0.2}}},
  {"name": "knowledge", "kind": "calibration_drift", "verdict": "fail", "score": 0.1, "raw": 0.28,
   "evidence": {"worst": [{"prompt": "The sky is", "gold": " \"blue\"", "delta": -2}]}},
  {"name": "ghost", "kind": "gradient_ghost", "verdict": "skip", "message": "unsupported"},
  {"name": "bad", "kind": "leakage", "verdict": "error", "message": "too long"}],
 "warmd": {"mode": "default", "alpha": 0.05, "notes": [{"id": "unused", "probe": "n", "text": "t"}],
           "composite": {"ceiling": 0.86, "missing": ["attribution"]},
           "gate": {"ok": false, "reasons": ["knowledge failed"]}}})")
        .value();
}

report read(const json::value& from) { return read_report(from).value(); }

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::size_t count(const std::string& text, std::string_view part)
{
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; ++at)
        ++found;
    return found;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_report_is_read_whoever_made_it)
{
    const report ours = read(sample());
    BOOST_TEST(ours.probes.size() == 5u);
    BOOST_TEST(ours.probes[0].p_adjusted.value() == 0.048);
    BOOST_TEST(ours.probes[0].judged);
    BOOST_TEST(!ours.band);
    BOOST_TEST(find_kind(ours, "leakage")->verdict == "error");
    const report published = read(parse_json(R"({"schema_version": 1, "score": {"overall": 0.5,
        "band": "partial"}, "probes": [{"name": "a", "kind": "b", "verdict": "pass"}]})")
                                      .value());
    BOOST_TEST(published.mode == "compat: sway");
    BOOST_TEST(published.band.value() == "partial");
    BOOST_TEST(!published.gate_ok);
    BOOST_TEST(!read_report(parse_json(R"({"schema_version": 2})").value()));
    BOOST_TEST(!read_report(parse_json("[]").value()));
}

BOOST_AUTO_TEST_CASE(a_terminal_is_told_by_word_and_shape_and_obeys_nothing)
{
    const std::string text = terminal_text(read(sample()), false);
    BOOST_TEST(text.starts_with("0.74, without a band: nothing measures attribution"));
    BOOST_TEST(has(text, "✓ pass   effect"));
    BOOST_TEST(has(text, "✗ fail   knowledge"));
    BOOST_TEST(has(text, "the gate does not let it pass: knowledge failed"));
    BOOST_TEST(!has(text, "\033"));
    BOOST_TEST(!has(text, "\u202e"));
    BOOST_TEST(has(terminal_text(read(sample()), true), "\033[31m✗ fail"));
}

BOOST_AUTO_TEST_CASE(markdown_shows_names_as_they_are)
{
    const std::string text = markdown(read(sample()));
    BOOST_TEST(has(text, "| effect | delta\\_kl | ✓ pass | 0.860 | 0.250 | [0.200, 0.300] |"));
    BOOST_TEST(has(text, "a\\|b \\<i\\> \\&"));
    BOOST_TEST(has(text, "### Skipped\n\n- ghost: unsupported"));
}

BOOST_AUTO_TEST_CASE(junit_counts_what_failed_and_what_could_not_be_measured)
{
    const std::string text = junit(read(sample()));
    BOOST_TEST(has(text, "<testsuite name=\"sway\" tests=\"5\" failures=\"1\" errors=\"1\" "
                         "skipped=\"1\" time=\"1.500\">"));
    BOOST_TEST(has(text, "<property name=\"component.adherence\" value=\"0.800\"/>"));
    BOOST_TEST(has(text, "<testcase name=\"effect\" classname=\"delta_kl\" time=\"0.250\"/>"));
    BOOST_TEST(has(text, "<error message=\"too long\"/>"));
    BOOST_TEST(has(text, "<system-out>warn: raw "), text);
}

BOOST_AUTO_TEST_CASE(a_page_loads_nothing_and_tells_its_charts_in_words)
{
    const std::string page = html(read(sample()));
    for (const std::string_view none :
         {"<script", "http:", "https:", "url(", "<i>", "<tuned>", "\033", "\u202e"})
        BOOST_TEST(!has(page, none), none);
    BOOST_TEST(has(page, "<html lang=\"en\">"));
    BOOST_TEST(has(page, "<meta charset=\"utf-8\">"));
    BOOST_TEST(has(page, "&lt;tuned&gt;"));
    BOOST_TEST(has(page, "prefers-color-scheme: dark"));
    // gauge, dose, nulls, prompts, knowledge
    BOOST_TEST(count(page, "<svg role=\"img\"") == 5u);
    BOOST_TEST(count(page, "<svg") == count(page, "<title>") - 1);
    BOOST_TEST(count(page, "<desc>") == 5u);
    BOOST_TEST(count(page, "<details>") == 5u);
    BOOST_TEST(has(page, "random adapters, 5 % to 95 %"));
    BOOST_TEST(has(page, "among random ones, p 0.0480, 1.30 times as far"));
}

BOOST_AUTO_TEST_CASE(a_chart_is_there_only_if_its_probe_is)
{
    json::value without = sample();
    without.at("probes").as_array().resize(0);
    BOOST_TEST(count(html(read(without)), "<svg") == 1u); // the gauge
}

BOOST_AUTO_TEST_CASE(numbers_that_are_none_break_no_chart)
{
    json::value odd = sample();
    odd.at("probes").at(1).at("evidence").as_object()["lambdas"] = {0, "x", nullptr};
    odd.at("probes").at(0).at("evidence").as_object()["per_prompt"] = "none";
    odd.at("probes").at(0).at("warmd").at("null").as_object()["samples"] = {0, 0, 0};
    const std::string page = html(read(odd));
    BOOST_TEST(!has(page, "\"nan"));
    BOOST_TEST(count(page, "<svg") == 3u); // gauge, nulls, knowledge
}

BOOST_AUTO_TEST_CASE(a_comparison_finds_what_regressed)
{
    const report before = read(sample());
    report after = before;
    after.probes[0].verdict = "fail";
    after.probes[1].score = 0.3;
    const auto plain = compare({{"a", before}, {"b", after}}, {}, false);
    BOOST_TEST(plain.regressed);
    BOOST_TEST(count(plain.text, "REGRESSED") == 1u);
    BOOST_TEST(count(compare({{"a", before}, {"b", after}}, 0.1, false).text, "REGRESSED") == 2u);
    after.probes[0].verdict = "pass";
    BOOST_TEST(!compare({{"a", before}, {"b", after}}, 0.25, false).regressed);
    BOOST_TEST(compare({{"a", before}, {"b", after}}, 0.15, false).regressed);
    after.mode = "compat: sway";
    const auto apart = compare({{"a", before}, {"b", after}}, 0.1, false);
    BOOST_TEST(!apart.regressed);
    BOOST_TEST(has(apart.text, "cannot be compared"));
}

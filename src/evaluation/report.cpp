#include "evaluation/report.hpp"

#include "base/text.hpp"
#include "evaluation/gate.hpp"
#include "evaluation/sway_faults.hpp"

#include <algorithm>
#include <ctime>
#include <map>

namespace warmd::evaluation {

namespace {

std::string time_text(std::chrono::system_clock::time_point at)
{
    const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[sizeof "2000-01-01T00:00:00Z"];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

json::value interval_json(const std::optional<interval>& of)
{
    return of ? json::value{of->low, of->high} : json::value();
}

std::string_view match_of(const suite& of)
{
    const auto* const with = null_adapter_of(of);
    return with && with->match == spec::null_adapter::matching::fixed ? "fixed" : "norm";
}

json::value null_json(const probe_result& of, const suite& in)
{
    if (of.nulls.empty())
        return {};
    std::vector<double> sorted = of.nulls;
    std::ranges::sort(sorted);
    json::object made{{"draws", sorted.size()},
                      {"match", match_of(in)},
                      {"judged", of.compared.has_value()},
                      {"samples", array_of(of.nulls)}};
    if (of.compared)
        for (const auto& [name, value] :
             {std::pair("mean", of.compared->mean), std::pair("sd", of.compared->sd),
              std::pair("min", of.compared->min), std::pair("median", of.compared->median),
              std::pair("max", of.compared->max)})
            made[name] = value;
    else
        for (const auto& [name, share] :
             {std::pair("p05", 0.05), std::pair("p50", 0.5), std::pair("p95", 0.95)})
            made[name] = quantile(sorted, share);
    return made;
}

/// "Moves the model 3.1 times as far as a random adapter of its size."
json::value effect_ratio(const probe_result& of)
{
    const bool told = of.compared && of.compared->median > 0 &&
                      std::holds_alternative<spec::delta_kl>(of.of->what);
    return told ? json::value(*of.found.raw / of.compared->median) : json::value();
}

json::object own_json(const probe_result& of, const suite& in)
{
    const category in_category = category_of(kind_of(of.of->what), in.judged_by);
    json::object made{{"category", categories[static_cast<std::size_t>(in_category)]},
                      {"optional", of.of->optional},
                      {"p", value_of(of.found.p)},
                      {"p_adjusted", value_of(of.p_adjusted)},
                      {"t_p", of.compared ? value_of(of.compared->t_p) : json::value()},
                      {"effect_ratio", effect_ratio(of)},
                      {"credited", value_of(of.credited)}};
    if (json::value null = null_json(of, in); !null.is_null())
        made["null"] = std::move(null);
    return made;
}

json::object score_json(const examination& of)
{
    json::object components, weights;
    for (std::size_t i = 0; i != categories.size(); ++i) {
        if (of.total().components[i])
            components[categories[i]] = *of.total().components[i];
        weights[categories[i]] = weight_of(of.of().weights, static_cast<category>(i));
    }
    return {{"overall", of.total().overall},
            {"band", of.total().band.empty() ? json::value() : json::value(of.total().band)},
            {"components", std::move(components)},
            {"weights", std::move(weights)}};
}

/// By kind; as published, the null adapter has them.
json::object null_stats_json(const examination& of)
{
    const probe_result& first = of.results().front();
    if (const json::value* const published = first.found.evidence.if_contains("null_stats"))
        return published->get_object();
    json::object made;
    for (const probe_result& each : of.results())
        if (each.compared && !made.contains(kind_of(each.of->what)))
            made[kind_of(each.of->what)] = {{"mean", each.compared->mean},
                                            {"std", each.compared->sd},
                                            {"n", each.nulls.size()},
                                            {"degenerate", each.compared->z ? 0 : 1}};
    return made;
}

json::object backend_json(const examination& of, const run_facts& facts)
{
    const auto hits = static_cast<double>(of.answered_from_memory());
    const auto inputs = static_cast<double>(facts.inputs);
    return {{"cache_hits", of.answered_from_memory()},
            {"cache_misses", facts.inputs},
            {"hit_rate", hits + inputs > 0 ? hits / (hits + inputs) : 0},
            {"forward_passes", facts.inputs},
            {"scoring_wall_s", facts.asking_seconds},
            {"batches_sent", facts.calls},
            {"batched_prompts", facts.inputs},
            {"max_batch_size", facts.largest_call},
            {"avg_batch_size", facts.calls ? inputs / static_cast<double>(facts.calls) : 0}};
}

json::array notes_json(const std::vector<note>& notes)
{
    json::array made;
    for (const note& each : notes)
        made.push_back(
            json::object{{"id", each.id},
                         {"probe", each.probe.empty() ? json::value() : json::value(each.probe)},
                         {"text", each.text}});
    return made;
}

json::object composite_json(const examination& of)
{
    std::size_t all = 0, scored = 0;
    json::array failed, errors;
    for (const probe_result& each : of.results()) {
        if (std::holds_alternative<spec::null_adapter>(each.of->what))
            continue;
        ++all;
        scored += of.of().judged_by == mode::sway ? each.found.score.has_value()
                                                  : each.credited.has_value();
        if (each.found.found == verdict::fail)
            failed.emplace_back(each.of->name);
        if (each.found.found == verdict::error)
            errors.emplace_back(each.of->name);
    }
    const auto& missing = of.total().missing;
    return {{"ceiling", value_of(of.total().ceiling)},
            {"missing", json::array(missing.begin(), missing.end())},
            {"scored", scored},
            {"of", all},
            {"failed", std::move(failed)},
            {"errors", std::move(errors)}};
}

json::object warmd_json(const examination& of, const run_facts& facts)
{
    const auto* const nulls = null_adapter_of(of.of());
    const bool sway = of.of().judged_by == mode::sway;
    std::vector<note> notes = notes_of(of.of());
    for (const probe_result& each : of.results())
        notes.insert(notes.end(), each.found.notes.begin(), each.found.notes.end());
    const gate_verdict gate = gate_of(of);
    const bool alone = nulls && nulls->corrected == spec::null_adapter::correction::none;
    json::object made{{"version", facts.version},
                      {"mode", sway ? "compat: sway" : "default"},
                      {"suite_digest", facts.suite_digest},
                      {"base_fingerprint", facts.generation},
                      {"adapter_fingerprint", facts.generation},
                      {"dtype", facts.dtype},
                      {"notes", notes_json(notes)},
                      {"composite", composite_json(of)},
                      {"gate",
                       {{"ok", gate.reasons.empty()},
                        {"reasons", json::array(gate.reasons.begin(), gate.reasons.end())},
                        {"threshold", 0}}},
                      {"cost",
                       {{"forward_tokens", facts.forward_tokens},
                        {"generated_tokens", facts.generated_tokens},
                        {"answered_from_memory", of.answered_from_memory()}}}};
    const bool ranked = nulls && !sway; // among null adapters
    made["alpha"] = ranked ? json::value(nulls->alpha) : json::value();
    made["correction"] = ranked ? json::value(alone ? "none" : "holm") : json::value();
    return made;
}

} // namespace

std::vector<note> notes_of(const suite& of)
{
    std::vector<note> made;
    if (of.dlm_source)
        made.push_back({"dlm_source", "", "dlm_source is not read: sections stand in its place"});
    if (!of.differential)
        made.push_back({"unused", "", "differential: false changes no number here"});
    for (const entry& each : of.entries)
        if (!each.idle.empty() && of.judged_by == mode::standard)
            made.push_back({"unused", each.name, "default mode does not use " + joined(each.idle)});
    for (note& each : faults_reproduced(of))
        made.push_back(std::move(each));
    return made;
}

json::object result_json(const probe_result& of, const examination& in)
{
    const judgement& found = of.found;
    const double share = static_cast<double>(of.tokens);
    json::object made{{"name", of.of->name},
                      {"kind", kind_of(of.of->what)},
                      {"verdict", verdicts[static_cast<std::size_t>(found.found)]},
                      {"score", value_of(found.score)},
                      {"raw", value_of(found.raw)},
                      {"z_score", value_of(of.z)},
                      {"base_value", value_of(found.base_value)},
                      {"ft_value", value_of(found.ft_value)},
                      {"evidence", found.evidence},
                      {"message", found.message},
                      {"duration_s", share},
                      {"ci_95", interval_json(found.ci_95)}};
    if (in.of().judged_by == mode::standard)
        made["warmd"] = own_json(of, in.of());
    return made;
}

json::object report_json(const examination& of, const run_facts& facts)
{
    std::size_t tokens = 0;
    for (const probe_result& each : of.results())
        tokens += each.tokens;
    json::array probes;
    for (const probe_result& each : of.results()) {
        json::object made = result_json(each, of);
        made["duration_s"] = tokens ? facts.asking_seconds * static_cast<double>(each.tokens) /
                                          static_cast<double>(tokens)
                                    : 0;
        probes.emplace_back(std::move(made));
    }
    json::object score = score_json(of);
    const std::vector<std::string> findings = findings_of(of, facts.changed_meanwhile);
    score["findings"] = json::array(findings.begin(), findings.end());
    return {
        {"schema_version", 1},
        {"sway_version", "warmd/" + facts.version},
        {"spec_path", nullptr},
        {"base_model_id", facts.base},
        {"adapter_id", facts.adapter},
        {"started_at", time_text(facts.started)},
        {"finished_at", time_text(facts.finished)},
        {"wall_seconds", facts.wall_seconds},
        {"determinism", {{"class", "strict"}, {"seed", of.of().seed}, {"notes", json::array()}}},
        {"backend_stats", backend_json(of, facts)},
        {"score", std::move(score)},
        {"null_stats", null_stats_json(of)},
        {"probes", std::move(probes)},
        {"warmd", warmd_json(of, facts)}};
}

} // namespace warmd::evaluation

#include "evaluation/composite.hpp"

#include <algorithm>

namespace warmd::evaluation {

namespace {

template <class... Kinds>
bool is_one_of(std::string_view kind)
{
    return ((kind == Kinds::kind) || ...);
}

bool counts(const scored_result& of)
{
    return of.score && of.found != verdict::skip && of.found != verdict::error;
}

/// The best score of a probe that measures an effect.
std::optional<double> ceiling_of(std::span<const scored_result> results)
{
    using namespace spec;
    std::optional<double> best;
    for (const scored_result& each : results)
        if (counts(each) && is_one_of<delta_kl, cluster_kl, section_internalization,
                                      paraphrase_invariance, preference_flip>(each.kind))
            best = std::max(best.value_or(*each.score), *each.score);
    return best;
}

/// Whether it says that nothing was broken, rather than that something was done.
bool is_of_damage(std::string_view kind)
{
    return category_of(kind, mode::standard) == category::calibration ||
           is_one_of<spec::prompt_collapse, spec::adapter_ablation>(kind);
}

std::string_view band_of(double overall, mode judged_by)
{
    if (overall < 0.3)
        return "noise";
    if (overall < 0.6)
        return "partial";
    if (overall <= 0.85)
        return "healthy";
    return judged_by == mode::sway ? "suspicious" : "strong";
}

} // namespace

category category_of(std::string_view kind, mode judged_by)
{
    using namespace spec;
    const bool sway = judged_by == mode::sway;
    if (is_one_of<null_adapter>(kind))
        return category::baseline;
    if (is_one_of<adapter_ablation>(kind))
        return category::ablation;
    if (is_one_of<section_internalization, paraphrase_invariance, preference_flip>(kind))
        return category::attribution;
    if (is_one_of<tool_use_fidelity>(kind)) // what is kept, says default mode
        return sway ? category::attribution : category::calibration;
    if (is_one_of<style_fingerprint>(kind)) // an effect
        return sway ? category::calibration : category::attribution;
    if (is_one_of<calibration_drift, external_perplexity, leakage, training_drift>(kind) ||
        kind == "gradient_ghost")
        return category::calibration;
    return category::adherence;
}

double weight_of(const score_weights& weights, category which)
{
    switch (which) {
    case category::adherence: return weights.adherence;
    case category::attribution: return weights.attribution;
    case category::calibration: return weights.calibration;
    case category::ablation: return weights.ablation;
    case category::baseline: return weights.baseline;
    }
    return 0;
}

composite compose(std::span<const scored_result> results, const score_weights& weights,
                  mode judged_by)
{
    const bool sway = judged_by == mode::sway;
    composite made;
    made.ceiling = sway ? std::nullopt : ceiling_of(results);
    std::array<double, 5> sums{}, shares{};
    for (const scored_result& each : results) {
        std::optional<double>& credited = made.credited.emplace_back();
        const category in = category_of(each.kind, judged_by);
        if (!counts(each) || (!sway && in == category::baseline))
            continue;
        credited = made.ceiling && is_of_damage(each.kind) ? std::min(*each.score, *made.ceiling)
                                                           : *each.score;
        sums[static_cast<std::size_t>(in)] += each.weight * *credited;
        shares[static_cast<std::size_t>(in)] += each.weight;
    }
    double sum = 0, share = 0;
    for (std::size_t i = 0; i != categories.size(); ++i) {
        const auto which = static_cast<category>(i);
        const double weight = weight_of(weights, which);
        if (shares[i] > 0) {
            made.components[i] = sums[i] / shares[i];
            sum += weight * *made.components[i];
            share += weight;
        } else if (sway) {
            made.components[i] = 0;
        } else if (weight > 0 && which != category::baseline) {
            made.missing.push_back(categories[i]);
        }
    }
    made.overall = share > 0 ? sum / share : 0;
    if (made.missing.empty())
        made.band = band_of(made.overall, judged_by);
    return made;
}

} // namespace warmd::evaluation

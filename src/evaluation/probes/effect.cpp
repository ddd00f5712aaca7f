// How far the adapter moves the model: delta_kl, cluster_kl, adapter_ablation.

#include "evaluation/probes/probes.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

namespace warmd::evaluation {

namespace {

std::string_view name_of(divergence_kind kind) { return kind == divergence_kind::js ? "js" : "kl"; }

} // namespace

judgement judge(const spec::delta_kl& what, const probe_run& in)
{
    if (what.prompts.empty())
        return failed("prompts: there are none");
    const bool is_kl = what.divergence == divergence_kind::kl;
    const std::vector<double> found =
        divergences(in, what.prompts, what.divergence, in.top_k(what.top_k), in.adapted);
    const double raw = mean(found), most = is_kl ? 1 : std::numbers::ln2;
    judgement made{.found = passes(raw >= what.assert_mean_gte),
                   .score = in.is_sway()
                                ? clip(raw / most)
                                : grade(raw, 0, what.assert_mean_gte, is_kl ? 1 : most / 2),
                   .raw = raw,
                   .ci_95 = in.mean_interval(found)};
    made.evidence = {{"divergence_kind", name_of(what.divergence)},
                     {"max", *std::ranges::max_element(found)},
                     {"num_prompts", found.size()},
                     {"per_prompt", array_of(found)}};
    return made;
}

judgement judge(const spec::cluster_kl& what, const probe_run& in)
{
    if (what.prompts.empty())
        return failed("prompts: there are none");
    if (in.is_sway())
        return skipped("no embedder");
    if (what.prompts.size() < what.min_prompts)
        return skipped("it has " + std::to_string(what.prompts.size()) +
                       " prompts; min_prompts is " + std::to_string(what.min_prompts));
    std::map<std::string, std::size_t> numbers;
    for (const topic_prompt& each : what.prompts)
        if (each.topic)
            numbers.emplace(*each.topic, 0);
        else
            return skipped("not every prompt has a topic, and there is no embedder to find them");
    if (numbers.size() < 2)
        return skipped("all its prompts are of one topic");
    std::size_t next = 0;
    for (auto& [topic, number] : numbers)
        number = next++;
    std::vector<std::string> texts;
    std::vector<std::size_t> topics;
    for (const topic_prompt& each : what.prompts) {
        texts.push_back(each.text);
        topics.push_back(numbers.at(*each.topic));
    }
    const std::vector<double> found =
        divergences(in, texts, what.divergence, in.top_k(what.top_k), in.adapted);
    if (in.ask.is_open())
        return {}; // permuting takes a while
    const topic_spread spread = spread_over_topics(found, topics, numbers.size());
    judgement made{.found = passes(spread.share >= what.assert_specificity_gte),
                   .score = grade(spread.share, 0, what.assert_specificity_gte, 1),
                   .raw = spread.share,
                   .p = spread.p};
    json::object means;
    for (const auto& [topic, number] : numbers)
        means[topic] = spread.means[number];
    made.evidence = {{"between_cluster_variance", spread.between},
                     {"within_cluster_variance", spread.within},
                     {"mean_kl", mean(found)},
                     {"per_cluster_mean_kl", std::move(means)},
                     {"permutations", topic_permutations}};
    return made;
}

// -- adapter_ablation ----------------------------------------------------------------------------

namespace {

/// Scales of the adapter's term and the mean effect at each, in the suite's order.
struct dose_response {
    std::vector<double> lambdas, effects;

    double largest_effect() const { return *std::ranges::max_element(effects); }
    double largest_lambda() const { return *std::ranges::max_element(lambdas); }
    /// The effect at 1 if that is there and not the largest scale.
    std::optional<double> at_one() const
    {
        const auto found = std::ranges::find(lambdas, 1.0);
        if (found == lambdas.end() || largest_lambda() == 1)
            return {};
        return effects[static_cast<std::size_t>(found - lambdas.begin())];
    }
    /// Of the effect at the largest scale over that at 1; 1 if it cannot be told.
    double overshoot() const
    {
        const auto one = at_one();
        const auto last = std::ranges::max_element(lambdas) - lambdas.begin();
        return one && *one > 0 ? effects[static_cast<std::size_t>(last)] / *one : 1;
    }
};

dose_response dose_response_of(const spec::adapter_ablation& what, const probe_run& in)
{
    const double least = *std::ranges::min_element(what.lambdas);
    const view from =
        in.is_sway() ? view{.what = view::mode::scaled, .scale = least} : through_base;
    dose_response made{.lambdas = what.lambdas, .effects = {}};
    for (const double lambda : what.lambdas) {
        double sum = 0;
        for (const std::string& each : what.prompts)
            sum += in.ask.divergence(what.divergence, from,
                                     {.what = view::mode::scaled, .scale = lambda}, each,
                                     in.top_k(what.top_k));
        made.effects.push_back(sum / static_cast<double>(what.prompts.size()));
    }
    return made;
}

/// How the effect grows, by default rules.
struct growth {
    std::optional<double> exponent; ///< slope of ln d on ln lambda: 2 where the response is small,
                                    ///< towards 0 where it is saturated
    double monotonicity = 1;
    double falls = 0;
};

growth growth_of(const dose_response& of)
{
    std::vector<std::size_t> order(of.lambdas.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return of.lambdas[i]; });
    std::vector<double> x, y;
    growth made;
    double before = 0, variation = 0; // from (0, 0) on
    for (const std::size_t i : order) {
        if (of.lambdas[i] <= 0)
            continue;
        const double effect = of.effects[i];
        made.falls += std::max(0.0, before - effect);
        variation += std::abs(effect - before);
        before = effect;
        if (effect > 0) {
            x.push_back(std::log(of.lambdas[i]));
            y.push_back(std::log(effect));
        }
    }
    if (x.size() >= 2)
        made.exponent = slope(x, y);
    made.monotonicity = variation > 0 ? std::max(0.0, 1 - 2 * made.falls / variation) : 1;
    return made;
}

judgement judged_by_growth(const dose_response& of)
{
    constexpr double tolerated = 0.02;
    const growth found = growth_of(of);
    const double overshoot = of.overshoot();
    const interval band{1 - tolerated, (1 + tolerated) * of.largest_lambda() * of.largest_lambda()};
    const bool judged = of.at_one().has_value();
    const bool in_band = !judged || (overshoot >= band.low && overshoot <= band.high);
    const bool rises = found.falls <= tolerated * of.largest_effect() + slack;
    judgement made{.found = passes(found.exponent && rises && in_band),
                   .score = found.exponent ? (found.monotonicity + (in_band ? 1 : 0)) / 2 : 0,
                   .raw = found.exponent};
    made.evidence = {{"exponent", value_of(found.exponent)},
                     {"monotonicity", found.monotonicity},
                     {"overshoot_judged", judged},
                     {"overshoot_band", {band.low, band.high}}};
    return made;
}

/// Where the curve has come to 0.9 of its height, and why there.
std::pair<std::optional<double>, std::string_view> saturation_of(const dose_response& of)
{
    const double most = of.largest_effect();
    if (most <= 0)
        return {{}, "flat_curve"};
    bool falls = false;
    for (std::size_t i = 0; i != of.effects.size(); ++i) {
        falls = falls || (i > 0 && of.effects[i] < of.effects[i - 1] - 1e-9);
        if (of.effects[i] >= 0.9 * most)
            return {of.lambdas[i], falls ? "non_monotonic" : "found"};
    }
    return {{}, "flat_curve"};
}

judgement judged_by_saturation(const dose_response& of, const spec::adapter_ablation& what)
{
    const double linearity = fit(of.lambdas, of.effects), overshoot = of.overshoot();
    const auto [saturation, reason] = saturation_of(of);
    const auto [low, high] = what.assert_saturation_between;
    const bool linear = linearity >= what.assert_linearity_gte;
    const bool saturates = saturation && *saturation >= low && *saturation <= high;
    const bool overshoots = overshoot >= what.assert_overshoot_gte;
    judgement made{.found = passes(linear && saturates && overshoots),
                   .score = 0.4 * clip(linearity / what.assert_linearity_gte) +
                            0.3 * (saturates ? 1 : 0.3) + 0.3 * clip((overshoot - 1) / 0.2),
                   .raw = linearity};
    made.evidence = {{"saturation_lambda", value_of(saturation)},
                     {"saturation_reason", reason},
                     {"passed_linearity", linear},
                     {"passed_saturation", saturates},
                     {"passed_overshoot", overshoots}};
    return made;
}

} // namespace

judgement judge(const spec::adapter_ablation& what, const probe_run& in)
{
    if (what.prompts.empty())
        return failed("prompts: there are none");
    const dose_response found = dose_response_of(what, in);
    judgement made = in.is_sway() ? judged_by_saturation(found, what) : judged_by_growth(found);
    made.comparable = false;
    made.evidence["lambdas"] = array_of(found.lambdas);
    made.evidence["mean_divergence_per_lambda"] = array_of(found.effects);
    made.evidence["overshoot"] = found.overshoot();
    made.evidence["linearity"] = fit(found.lambdas, found.effects);
    return made;
}

} // namespace warmd::evaluation

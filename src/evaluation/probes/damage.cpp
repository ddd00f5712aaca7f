// What the adapter broke: calibration_drift, external_perplexity, training_drift.

#include "evaluation/characters.hpp"
#include "evaluation/packs.hpp"
#include "evaluation/probes/probes.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace warmd::evaluation {

namespace {

std::vector<gold_case> items_of(const spec::calibration_drift& what)
{
    std::vector<gold_case> items = what.items ? *what.items : knowledge_pack();
    items.resize(std::min<std::size_t>(items.size(), what.items_limit.value_or(items.size())));
    return items;
}

/// The five that lost most.
json::array worst_of(std::span<const gold_case> items, std::span<const double> deltas)
{
    std::vector<std::size_t> order(items.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return deltas[i]; });
    order.resize(std::min<std::size_t>(order.size(), 5));
    json::array made;
    for (const std::size_t i : order)
        made.push_back(json::object{
            {"prompt", items[i].prompt}, {"gold", items[i].gold}, {"delta", deltas[i]}});
    return made;
}

} // namespace

judgement judge(const spec::calibration_drift& what, const probe_run& in)
{
    const std::vector<gold_case> items = items_of(what);
    if (items.empty())
        return failed("items: there are none");
    std::vector<double> deltas, regressions;
    for (const gold_case& each : items) {
        deltas.push_back(lift_per_token(in, each.prompt, each.gold));
        regressions.push_back(deltas.back() < -what.regression_nats ? 1 : 0);
    }
    const double raw = mean(regressions), change = mean(deltas);
    const auto regressed = static_cast<std::size_t>(std::ranges::count(regressions, 1.0));
    const double limit = what.assert_fraction_regressed_lt, least = what.assert_mean_delta_gte;
    judgement made{.found = passes(raw < limit && change >= least),
                   .score = in.is_sway() ? 0.6 * std::max(0.0, 1 - raw / limit) +
                                               0.4 * clip((change + 1) / 1.5)
                                         : std::min(grade(raw, 2 * limit, limit, 0),
                                                    grade(change, 2 * least, least, 0)),
                   .raw = raw,
                   .ft_value = change,
                   .ci_95 = in.is_sway() ? in.mean_interval(regressions)
                                         : in.rate_interval(regressed, items.size())};
    made.evidence = {{"items", items.size()},
                     {"regressed", regressed},
                     {"mean_delta", change},
                     {"worst", worst_of(items, deltas)}};
    if (const auto ci = in.is_sway() ? std::nullopt : in.mean_interval(deltas))
        made.evidence["mean_delta_ci_95"] = {ci->low, ci->high};
    return made;
}

// -- external_perplexity -------------------------------------------------------------------------

namespace {

std::vector<std::string> chunks_of(const std::string& text, std::size_t characters,
                                   std::size_t most)
{
    constexpr std::size_t least_characters = 64; // of the last one
    const std::size_t all = count_characters(text);
    std::vector<std::string> made;
    for (std::size_t first = 0; first < all && made.size() != most; first += characters)
        if (std::min(characters, all - first) >= least_characters)
            made.push_back(characters_from(text, first, characters));
    return made;
}

double mean_logprob(const scored_text& of)
{
    return of.total / static_cast<double>(std::max<std::size_t>(of.logprobs.size(), 1));
}

/// Of several texts, token by token.
struct perplexity {
    double total = 0;
    std::size_t tokens = 0;

    void add(const scored_text& text)
    {
        total += text.total;
        tokens += text.logprobs.size();
    }
    double value() const
    {
        return std::exp(-total / static_cast<double>(std::max<std::size_t>(tokens, 1)));
    }
};

} // namespace

judgement judge(const spec::external_perplexity& what, const probe_run& in)
{
    std::vector<double> changes;
    perplexity base, ft;
    for (const std::string& each : chunks_of(prose_pack(), what.chunk_chars, what.max_chunks)) {
        const scored_text& before = in.ask.text_scores(through_base, each);
        const scored_text& after = in.ask.text_scores(in.adapted, each);
        changes.push_back(mean_logprob(after) - mean_logprob(before));
        base.add(before);
        ft.add(after);
    }
    if (changes.empty())
        return failed("max_chunks: no text is left");
    const double raw = mean(changes), least = what.assert_mean_delta_gte;
    judgement made{.found = passes(raw >= least),
                   .score = in.is_sway() ? clip(0.5 + raw) : grade(raw, 2 * least, least, 0),
                   .raw = raw,
                   .ci_95 = in.mean_interval(changes)};
    if (!in.is_sway()) {
        made.base_value = base.value();
        made.ft_value = ft.value();
    }
    made.evidence = {{"chunks", changes.size()},
                     {"per_chunk", array_of(changes)},
                     {"base_perplexity", base.value()},
                     {"ft_perplexity", ft.value()}};
    if (what.corpus == spec::external_perplexity::corpora::public_domain_en)
        made.notes.push_back({"corpus", in.own.name,
                              "corpus public_domain_en: warmd's own prose stands in its place"});
    return made;
}

// -- training_drift ------------------------------------------------------------------------------

namespace {

/// One loss a step, the last line of a step: what is not finite has the value before it, the first
/// ones that of the first finite one.
struct loss_curve {
    std::vector<double> losses;
    std::size_t unsound = 0; ///< that were not finite
};

loss_curve curve_of(const std::vector<spec::training_drift::step>& lines)
{
    std::map<std::int64_t, std::optional<double>> steps;
    for (const auto& each : lines)
        steps[each.number] = each.loss;
    loss_curve made;
    const auto first = std::ranges::find_if(
        steps, [](const auto& each) { return each.second && std::isfinite(*each.second); });
    if (first == steps.end())
        return {.losses = {}, .unsound = steps.size()};
    double last = *first->second;
    for (const auto& [number, loss] : steps) {
        const bool sound = loss && std::isfinite(*loss);
        made.unsound += !sound;
        last = sound ? *loss : last;
        made.losses.push_back(last);
    }
    return made;
}

double median_of(std::vector<double> values)
{
    std::ranges::sort(values);
    return values.empty() ? 0 : quantile(values, 0.5);
}

/// Rises of more than `sigma` times what is usual around them.
std::size_t spikes_in(std::span<const double> changes, std::size_t window, double sigma)
{
    std::vector<double> sizes;
    for (const double each : changes)
        sizes.push_back(std::abs(each));
    const bool few = changes.size() < window;
    const double overall = few ? median_of(sizes) : 0;
    if (few && overall == 0)
        return 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i != changes.size(); ++i) {
        const std::size_t first = i - std::min(i, window / 2),
                          last = std::min(i + window / 2 + 1, sizes.size());
        std::vector<double> around(sizes.begin() + static_cast<std::ptrdiff_t>(first),
                                   sizes.begin() + static_cast<std::ptrdiff_t>(last));
        around.erase(around.begin() + static_cast<std::ptrdiff_t>(i - first));
        const double usual = few ? overall : median_of(std::move(around));
        count += changes[i] > 0 && changes[i] > sigma * usual;
    }
    return count;
}

} // namespace

judgement judge(const spec::training_drift& what, const probe_run&)
{
    if (!what.losses)
        return skipped("the suite has no losses of the training");
    const loss_curve curve = curve_of(*what.losses);
    const std::vector<double>& losses = curve.losses;
    if (losses.size() < std::max(what.min_steps, 2u))
        return skipped("the training has " + std::to_string(losses.size()) +
                       " steps; min_steps is " + std::to_string(what.min_steps));
    std::vector<double> changes;
    for (std::size_t i = 1; i != losses.size(); ++i)
        changes.push_back(losses[i] - losses[i - 1]);
    const double variance = population_variance(losses);
    const double smoothness =
        variance > 0 ? std::max(0.0, 1 - population_variance(changes) / variance) : 0;
    const double convergence = losses.back() / losses.front();
    const std::size_t events =
        curve.unsound + spikes_in(changes, what.rolling_window, what.spike_sigma);
    const bool holds = smoothness >= what.assert_smoothness_gte &&
                       convergence <= what.assert_convergence_ratio_lte &&
                       events <= what.assert_instability_events_lte;
    judgement made{.found = holds ? verdict::pass : verdict::warn,
                   .score = holds ? smoothness : smoothness / 2,
                   .raw = smoothness,
                   .comparable = false};
    made.evidence = {{"initial_loss", losses.front()},   {"final_loss", losses.back()},
                     {"convergence_ratio", convergence}, {"smoothness", smoothness},
                     {"instability_events", events},     {"num_steps", losses.size()}};
    return made;
}

} // namespace warmd::evaluation

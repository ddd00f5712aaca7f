#include "evaluation/sway_nulls.hpp"

#include "evaluation/packs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace warmd::evaluation {

namespace {

/// As published: "rank_0.50".
std::string rank_name(double multiplier)
{
    char text[64];
    std::snprintf(text, sizeof text, "rank_%.2f", multiplier);
    return text;
}

/// Of the enabled entries but the null adapter, in order of first appearance.
std::vector<std::string_view> kinds_of(const suite& of)
{
    std::vector<std::string_view> made;
    for (const entry& each : of.entries) {
        const std::string_view kind = kind_of(each.what);
        if (each.enabled && kind != spec::null_adapter::kind &&
            std::ranges::find(made, kind) == made.end())
            made.push_back(kind);
    }
    return made;
}

const entry* calibration_of(std::string_view kind)
{
    for (const entry& each : calibration_pack())
        if (kind_of(each.what) == kind)
            return &each;
    return nullptr;
}

bool less_is_better(std::string_view kind)
{
    return kind == spec::leakage::kind || kind == spec::calibration_drift::kind;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-std::clamp(x, -50.0, 50.0))); }

} // namespace

double sway_nulls::group::middle() const { return mean(samples); }

double sway_nulls::group::deviation() const
{
    return std::max(std::sqrt(population_variance(samples)), 1e-6);
}

bool sway_nulls::group::is_degenerate() const
{
    return samples.size() < 2 ||
           std::ranges::all_of(samples, [&](double each) { return each == samples.front(); });
}

std::optional<double> sway_nulls::group::z(double raw, bool less_is_better) const
{
    if (is_degenerate())
        return {};
    return (less_is_better ? middle() - raw : raw - middle()) / deviation();
}

json::object sway_nulls::group::stats() const
{
    return {{"mean", middle()},
            {"std", deviation()},
            {"n", samples.size()},
            {"degenerate", is_degenerate() ? 1 : 0}};
}

bool sway_nulls::yardstick::has_samples() const
{
    return std::ranges::any_of(by_rank, [](const group& each) { return !each.samples.empty(); });
}

sway_nulls::sway_nulls(const suite& of)
    : what_(of.judged_by == mode::sway ? null_adapter_of(of) : nullptr)
{
    if (!what_)
        return;
    inputs_.judged_by = mode::sway;
    inputs_.top_k = of.top_k;
    inputs_.sections = of.sections;
    const auto& only = what_->calibrate_kinds;
    for (const std::string_view kind : kinds_of(of)) {
        const entry* const asked = calibration_of(kind);
        if (!asked)
            opted_out_.push_back(kind);
        else if (only.empty() || std::ranges::find(only, kind) != only.end())
            yardsticks_.push_back({asked, std::vector<group>(what_->rank_multipliers.size()), {}});
    }
}

bool sway_nulls::measure(interview& ask, unsigned first, unsigned last)
{
    std::vector<std::vector<judgement>> found(yardsticks_.size());
    bool open = false;
    for (unsigned draw = first; draw != last; ++draw) {
        const view through{.what = view::mode::null,
                           .seed = what_->seed_base + draw % what_->runs,
                           .init_scale = what_->init_scale,
                           .rank_scale = what_->rank_multipliers[draw / what_->runs]};
        for (std::size_t i = 0; i != yardsticks_.size(); ++i) {
            found[i].push_back(judge({.of = inputs_,
                                      .own = *yardsticks_[i].asked,
                                      .ask = ask,
                                      .adapted = through,
                                      .is_null = true}));
            open = open || ask.is_open();
            tokens_ += ask.new_tokens();
        }
    }
    for (std::size_t i = 0; !open && i != yardsticks_.size(); ++i)
        for (unsigned draw = first; draw != last; ++draw)
            if (const judgement& each = found[i][draw - first]; each.raw)
                yardsticks_[i].by_rank[draw / what_->runs].samples.push_back(*each.raw);
            else
                yardsticks_[i].trouble = each.message;
    return !open;
}

const sway_nulls::yardstick* sway_nulls::yardstick_of(std::string_view kind) const
{
    for (const yardstick& each : yardsticks_)
        if (kind_of(each.asked->what) == kind)
            return &each;
    return nullptr;
}

/// The one whose draws have the adapter's own ranks, if there is one.
std::size_t sway_nulls::main_rank() const
{
    const auto& all = what_->rank_multipliers;
    const auto found = std::ranges::find(all, 1.0);
    return found == all.end() ? 0 : static_cast<std::size_t>(found - all.begin());
}

std::optional<double> sway_nulls::compare(judgement& of, const entry& own) const
{
    const std::string_view kind = kind_of(own.what);
    const yardstick* const by = yardstick_of(kind);
    if (!by || !of.raw || !of.comparable)
        return {};
    json::object by_rank;
    for (std::size_t i = 0; i != by->by_rank.size(); ++i)
        if (const auto z = by->by_rank[i].z(*of.raw, less_is_better(kind)))
            by_rank[rank_name(what_->rank_multipliers[i])] = *z;
    if (!by_rank.empty())
        of.evidence["z_by_rank"] = std::move(by_rank);
    const auto z = by->by_rank[main_rank()].z(*of.raw, less_is_better(kind));
    if (!z)
        return {};
    const bool is_far = *z >= own.assert_z_gte;
    if (!is_far)
        of.message =
            "z is " + number_text(*z) + "; assert_z_gte is " + number_text(own.assert_z_gte);
    if (kind == spec::tool_use_fidelity::kind) { // its thresholds judge as well
        of.found = passes(of.found == verdict::pass && is_far);
        of.score = 0.7 * of.score.value_or(0) + 0.3 * sigmoid(*z / 3);
    } else {
        of.found = passes(is_far);
        of.score = sigmoid(*z / 3);
    }
    return z;
}

/// `what` of each rank that has samples.
json::object sway_nulls::by_rank(const yardstick& of, json::value (*what)(const group&)) const
{
    json::object made;
    for (std::size_t i = 0; i != of.by_rank.size(); ++i)
        if (!of.by_rank[i].samples.empty())
            made[rank_name(what_->rank_multipliers[i])] = what(of.by_rank[i]);
    return made;
}

judgement sway_nulls::found() const
{
    json::object stats, stats_by_rank, samples;
    json::array skipped;
    std::vector<std::string_view> calibrated;
    for (const std::string_view kind : opted_out_)
        skipped.push_back(json::object{{"kind", kind}, {"reason", "opts out"}});
    for (const yardstick& each : yardsticks_) {
        const std::string_view kind = kind_of(each.asked->what);
        if (!each.has_samples()) {
            skipped.push_back(json::object{{"kind", kind}, {"reason", each.trouble}});
            continue;
        }
        calibrated.push_back(kind);
        samples[kind] =
            by_rank(each, [](const group& of) -> json::value { return array_of(of.samples); });
        for (const auto& [rank, of_rank] :
             by_rank(each, [](const group& of) -> json::value { return of.stats(); }))
            stats_by_rank.emplace(rank, json::object()).first->value().get_object()[kind] = of_rank;
        if (const group& main = each.by_rank[main_rank()]; !main.samples.empty())
            stats[kind] = main.stats();
    }
    std::ranges::sort(calibrated);
    judgement made{.found = verdict::pass, .score = 1, .comparable = false};
    made.evidence = {{"null_stats", std::move(stats)},
                     {"null_stats_by_rank", std::move(stats_by_rank)},
                     {"per_kind_raw_samples", std::move(samples)},
                     {"skipped_kinds", std::move(skipped)},
                     {"calibrated_kinds", json::array(calibrated.begin(), calibrated.end())},
                     {"runs", what_->runs},
                     {"init_scale", what_->init_scale},
                     {"seed_base", what_->seed_base},
                     {"rank_multipliers", array_of(what_->rank_multipliers)},
                     {"from_cache", false}};
    return made;
}

} // namespace warmd::evaluation

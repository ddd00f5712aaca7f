#include "evaluation/examination.hpp"

#include <algorithm>
#include <utility>

namespace warmd::evaluation {

namespace {

constexpr unsigned draws_at_once = 32; // their answers are kept until all of these are there

judgement not_enabled()
{
    judgement made = skipped("disabled");
    return made;
}

/// A null adapter is none of the probes: it says what they are compared with.
judgement of_null_adapter(const spec::null_adapter& what, unsigned draws, std::size_t calibrated)
{
    judgement made{.found = verdict::pass, .comparable = false};
    const bool fixed = what.match == spec::null_adapter::matching::fixed;
    made.evidence = {{"draws", draws},
                     {"match", fixed ? "fixed" : "norm"},
                     {"alpha", what.alpha},
                     {"calibrated", calibrated}};
    return made;
}

/// Within what random adapters of its size do: never a pass, and a score within the noise band.
void judge_by_chance(judgement& of, double p_adjusted, double alpha)
{
    if (p_adjusted <= alpha + slack)
        return;
    of.found = verdict::fail;
    of.score = std::min(of.score.value_or(0), 0.3 * (1 - p_adjusted) / (1 - alpha));
    of.evidence["chance"] = true;
    of.message = "no more than chance: p is " + number_text(p_adjusted);
}

bool has_weight(const probe_result& each, mode judged_by)
{
    const bool is_null = std::holds_alternative<spec::null_adapter>(each.of->what);
    return each.found.found != verdict::skip && (judged_by == mode::sway || !is_null);
}

} // namespace

examination::examination(suite of, std::size_t context)
    : of_(std::move(of)), nulls_(null_adapter_of(of_)), draws_(draws_of(of_)), published_(of_),
      ask_(context), results_(of_.entries.size()), judged_(of_.entries.size())
{
    for (std::size_t i = 0; i != results_.size(); ++i) {
        results_[i].of = &of_.entries[i];
        if (!of_.entries[i].enabled) {
            results_[i].found = not_enabled();
            judged_[i] = true;
        }
    }
}

std::vector<question> examination::next()
{
    while (stage_ != stage::done) {
        if (stage_ == stage::probes)
            judge_open();
        const unsigned last = std::min(measured_ + draws_at_once, draws_);
        const bool known = stage_ == stage::nulls && measure_next_nulls(last);
        std::vector<question> open = ask_.take_open();
        for (const question& each : open)
            asked_tokens_ += each.tokens();
        if (!open.empty())
            return open;
        if (known) {
            measured_ = last;
            ask_.forget_nulls();
        }
        if (stage_ == stage::nulls && measured_ == draws_)
            finish();
        if (stage_ == stage::probes)
            stage_ = stage::nulls;
    }
    return {};
}

/// Judges what can be, and notes what must be asked for the rest.
void examination::judge_open()
{
    for (std::size_t i = 0; i != results_.size(); ++i) {
        if (judged_[i])
            continue;
        judgement found = judge({.of = of_, .own = *results_[i].of, .ask = ask_});
        results_[i].tokens += ask_.new_tokens();
        if (ask_.is_open())
            continue;
        results_[i].found = std::move(found);
        judged_[i] = true;
    }
}

bool examination::is_calibrated(const probe_result& each) const
{
    const auto& kinds = nulls_->calibrate_kinds;
    const std::string_view kind = kind_of(each.of->what);
    const bool can_be = kind == spec::delta_kl::kind || kind == spec::preference_flip::kind ||
                        kind == spec::section_internalization::kind ||
                        kind == spec::paraphrase_invariance::kind;
    return can_be && each.found.comparable && each.found.raw &&
           (kinds.empty() || std::ranges::find(kinds, kind) != kinds.end());
}

view examination::null_view(unsigned draw) const
{
    view made{.what = view::mode::null, .seed = nulls_->seed_base + draw};
    if (nulls_->match == spec::null_adapter::matching::norm)
        made.match = view::matching::norm;
    else
        made.init_scale = nulls_->init_scale;
    return made;
}

/// Whether all answers were there: then each probe has as many nulls more.
bool examination::measure_nulls(unsigned first, unsigned last)
{
    std::vector<std::vector<double>> found(results_.size());
    bool open = false;
    for (unsigned draw = first; draw != last; ++draw)
        for (std::size_t i = 0; i != results_.size(); ++i) {
            const entry& own = *results_[i].of;
            const probe_run through{
                .of = of_, .own = own, .ask = ask_, .adapted = null_view(draw), .is_null = true};
            const auto* const dose = std::get_if<spec::adapter_ablation>(&own.what);
            if (dose && own.enabled && results_[i].found.raw && draw < most_band_draws) {
                ask_.begin();
                found[i].push_back(null_effect(*dose, through));
            } else if (!dose && is_calibrated(results_[i])) {
                const judgement null = judge(through);
                found[i].push_back(null.raw.value_or(0));
                if (!ask_.is_open() && null.found == verdict::error)
                    results_[i].found =
                        failed("null adapter " + std::to_string(draw) + ": " + null.message);
            } else {
                continue;
            }
            open = open || ask_.is_open();
            results_[i].tokens += ask_.new_tokens();
        }
    for (std::size_t i = 0; !open && i != results_.size(); ++i)
        results_[i].nulls.insert(results_[i].nulls.end(), found[i].begin(), found[i].end());
    return !open;
}

/// By the mode's rule.
bool examination::measure_next_nulls(unsigned last)
{
    if (of_.judged_by == mode::standard)
        return measure_nulls(measured_, last);
    const bool known = published_.measure(ask_, measured_, last);
    if (nulls_)
        results_.front().tokens = published_.tokens();
    return known;
}

/// What null adapters after those under way will be asked: as much as those before, each.
std::size_t examination::tokens_to_come() const
{
    if (stage_ != stage::nulls || draws_ <= draws_at_once || measured_ + draws_at_once >= draws_)
        return 0;
    std::size_t so_far = published_.tokens();
    for (const probe_result& each : results_)
        so_far += of_.judged_by == mode::standard && is_calibrated(each) ? each.tokens : 0;
    return so_far / (measured_ + draws_at_once + 2) * (draws_ - measured_ - draws_at_once);
}

/// What is compared with null adapters is, and Holm's correction is made of all that has a p.
void examination::compare()
{
    std::vector<double> p;
    std::vector<probe_result*> with_p;
    for (probe_result& each : results_) {
        if (nulls_ && is_calibrated(each) && !each.nulls.empty()) {
            each.compared = compare_with_nulls(*each.found.raw, each.nulls);
            each.z = each.compared->z;
            each.found.p = each.compared->p;
        }
        if (each.found.p) {
            with_p.push_back(&each);
            p.push_back(*each.found.p);
        }
    }
    const bool corrected = !nulls_ || nulls_->corrected == spec::null_adapter::correction::holm;
    const std::vector<double> adjusted = corrected ? holm(p) : p;
    for (std::size_t i = 0; i != with_p.size(); ++i) {
        with_p[i]->p_adjusted = adjusted[i];
        judge_by_chance(with_p[i]->found, adjusted[i], nulls_ ? nulls_->alpha : 0.05);
    }
}

void examination::compare_as_published()
{
    for (probe_result& each : results_)
        each.z = published_.compare(each.found, *each.of);
}

judgement examination::found_of_nulls(std::size_t calibrated) const
{
    return of_.judged_by == mode::sway ? published_.found()
                                       : of_null_adapter(*nulls_, draws_, calibrated);
}

void examination::finish()
{
    stage_ = stage::done;
    if (of_.judged_by == mode::sway)
        compare_as_published();
    else
        compare();
    std::vector<scored_result> scored;
    std::size_t calibrated = 0;
    for (const probe_result& each : results_)
        calibrated += each.p_adjusted.has_value();
    for (probe_result& each : results_) {
        if (nulls_ && std::holds_alternative<spec::null_adapter>(each.of->what))
            each.found = found_of_nulls(calibrated);
        if (has_weight(each, of_.judged_by))
            each.found.evidence["weight"] = each.of->weight;
        scored.push_back(
            {kind_of(each.of->what), each.found.found, each.found.score, each.of->weight});
    }
    total_ = compose(scored, of_.weights, of_.judged_by);
    for (std::size_t i = 0; i != results_.size(); ++i)
        results_[i].credited = total_.credited[i];
}

} // namespace warmd::evaluation

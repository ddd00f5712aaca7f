// Whether the effect is where the training points: section_internalization,
// paraphrase_invariance, preference_flip.

#include "evaluation/characters.hpp"
#include "evaluation/packs.hpp"
#include "evaluation/probes/probes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace warmd::evaluation {

// -- section_internalization
// -----------------------------------------------------------------------

namespace {

double prose_nll(const probe_run& in, const view& through, const std::string& text,
                 std::size_t characters)
{
    const std::string cut = characters_from(text, 0, characters);
    if (is_blank(cut))
        return 0;
    const scored_text& scored = in.ask.text_scores(through, cut);
    return -scored.total / static_cast<double>(std::max<std::size_t>(scored.logprobs.size(), 1));
}

double nll(const probe_run& in, const view& through, const section& of, std::size_t characters)
{
    std::vector<double> costs;
    if (of.kind == section_kind::instruction)
        for (const gold_case& each : of.probes)
            costs.push_back(cost_per_token(in, through, each.prompt, each.gold));
    if (of.kind == section_kind::preference)
        for (const preference_triple& each : of.preferences)
            costs.push_back(cost_per_token(in, through, each.prompt, each.chosen));
    return costs.empty() ? prose_nll(in, through, of.content, characters) : mean(costs);
}

double lift_of(double base, double ft) { return base > 0 ? (base - ft) / base : base - ft; }

/// The mean of all but that one.
double mean_of_others(std::span<const double> values, std::size_t i)
{
    const double sum = std::accumulate(values.begin(), values.end(), 0.0) - values[i];
    return sum / static_cast<double>(values.size() - 1);
}

/// Each section's nll through both views, and what was gained.
struct section_lifts {
    std::vector<const section*> sections;
    std::vector<double> base, ft, own, effective;
};

section_lifts lifts_of(const spec::section_internalization& what, const probe_run& in)
{
    section_lifts made;
    for (const section& each : in.of.sections) {
        if (std::ranges::find(what.include_kinds, each.kind) == what.include_kinds.end())
            continue;
        made.sections.push_back(&each);
        made.base.push_back(nll(in, through_base, each, what.max_prose_chars));
        made.ft.push_back(nll(in, in.adapted, each, what.max_prose_chars));
        made.own.push_back(lift_of(made.base.back(), made.ft.back()));
    }
    for (std::size_t i = 0; made.own.size() > 1 && i != made.own.size(); ++i)
        made.effective.push_back(made.own[i] - mean_of_others(made.own, i));
    return made;
}

/// Of texts that it was not trained on: general gain is no attribution, general damage earns
/// nothing.
std::vector<double> held_out_lifts(const spec::section_internalization& what, const probe_run& in)
{
    constexpr std::size_t passages = 4;
    std::vector<std::string> texts = what.held_out.value_or(
        std::vector(prose_passages().begin(), prose_passages().begin() + passages));
    std::vector<double> made;
    for (const std::string& each : texts)
        made.push_back(lift_of(prose_nll(in, through_base, each, what.max_prose_chars),
                               prose_nll(in, in.adapted, each, what.max_prose_chars)));
    return made;
}

double beyond_general_gain(std::span<const std::vector<double>> groups)
{
    return mean(groups[0]) - (groups.size() > 1 ? std::max(0.0, mean(groups[1])) : 0);
}

json::array per_section(const section_lifts& of, const std::vector<bool>& passed)
{
    json::array made;
    for (std::size_t i = 0; i != of.sections.size(); ++i) {
        const section& each = *of.sections[i];
        made.push_back(
            json::object{{"section_id", each.id},
                         {"kind", section_kinds[static_cast<std::size_t>(each.kind)]},
                         {"tag", each.tag.empty() ? json::value() : json::value(each.tag)},
                         {"base_nll", of.base[i]},
                         {"ft_nll", of.ft[i]},
                         {"own_lift", of.own[i]},
                         {"leak_lift", of.own[i] - of.effective[i]},
                         {"effective_sis", of.effective[i]},
                         {"passed", static_cast<bool>(passed[i])}});
    }
    return made;
}

} // namespace

judgement judge(const spec::section_internalization& what, const probe_run& in)
{
    const section_lifts found = lifts_of(what, in);
    if (found.sections.size() < 2)
        return skipped("the suite has fewer than two sections of these kinds");
    std::vector<std::vector<double>> groups{found.own};
    if (!in.is_sway())
        if (auto general = held_out_lifts(what, in); !general.empty())
            groups.push_back(std::move(general));
    const double credit = groups.size() > 1 ? std::max(0.0, mean(groups[1])) : 0;
    std::vector<bool> passed;
    for (std::size_t i = 0; i != found.own.size(); ++i)
        passed.push_back(in.is_sway() ? found.effective[i] >= what.per_section_threshold
                                      : found.own[i] - credit >= what.per_section_threshold);
    const double fraction =
        static_cast<double>(std::ranges::count(passed, true)) / static_cast<double>(passed.size());
    const double least = what.assert_passing_section_frac;
    judgement made{.found = passes(fraction >= least),
                   .score = in.is_sway() ? fraction : grade(fraction, 0, least, 1),
                   .raw = in.is_sway() ? mean(found.effective) : beyond_general_gain(groups)};
    if (in.is_sway())
        made.ci_95 = in.mean_interval(found.effective);
    else if (!in.is_sketch())
        made.ci_95 = expanded_interval(groups, beyond_general_gain);
    made.evidence = {{"num_sections", found.sections.size()},
                     {"passing_frac", fraction},
                     {"per_section", per_section(found, passed)}};
    if (groups.size() > 1) {
        made.evidence["held_out"] = array_of(groups[1]);
        made.evidence["held_out_lift"] = mean(groups[1]);
    }
    return made;
}

// -- paraphrase_invariance
// -------------------------------------------------------------------------

namespace {

/// Whether the thresholds hold, and how good that is.
std::pair<bool, double> graded(const spec::paraphrase_invariance& what, double raw, double ratio,
                               bool sway)
{
    const bool lifted = raw >= what.min_verbatim_lift;
    if (what.intent == spec::paraphrase_invariance::intention::memorize) {
        const double most = what.max_generalization_ratio_if_memorize;
        const double narrow = raw <= 1e-9 ? 0 : grade(ratio, 2 * most, most, 0);
        return {lifted && ratio <= most,
                sway ? clip(raw / what.min_verbatim_lift)
                     : std::min(grade(raw, 0, what.min_verbatim_lift, 1), narrow)};
    }
    const double least = what.min_generalization_ratio;
    return {lifted && ratio >= least,
            sway ? clip(ratio / least) / 2 + clip(raw / what.min_verbatim_lift) / 2
                 : std::min(grade(raw, 0, what.min_verbatim_lift, 1), grade(ratio, 0, least, 1))};
}

} // namespace

judgement judge(const spec::paraphrase_invariance& what, const probe_run& in)
{
    if (what.cases.empty())
        return failed("cases: there are none");
    std::vector<double> verbatim, paraphrased;
    json::array per_case;
    for (const paraphrased_case& each : what.cases) {
        std::vector<double> lifts;
        for (const std::string& other : each.paraphrases)
            lifts.push_back(lift_per_token(in, other, each.gold));
        verbatim.push_back(lift_per_token(in, each.prompt, each.gold));
        paraphrased.push_back(mean(lifts));
        if (!in.is_sway() || per_case.size() < 8)
            per_case.push_back(json::object{{"prompt", each.prompt},
                                            {"verbatim_lift", verbatim.back()},
                                            {"paraphrase_lift", paraphrased.back()}});
    }
    const double raw = mean(verbatim), other = mean(paraphrased);
    const bool no_lift = (in.is_sway() ? std::abs(raw) : raw) <= 1e-9;
    const double ratio = no_lift ? 0 : other / raw;
    const auto [holds, score] = graded(what, raw, ratio, in.is_sway());
    judgement made{.found = passes(holds), .score = score, .raw = raw, .ft_value = other};
    if (in.is_sway())
        made.base_value = raw;
    else
        made.ci_95 = in.mean_interval(verbatim);
    constexpr std::array<std::string_view, 3> intents{"generalize", "memorize", "both"};
    made.evidence = {{"verbatim_lift_mean", raw},
                     {"paraphrase_lift_mean", other},
                     {"generalization_ratio", ratio},
                     {"intent", intents[static_cast<std::size_t>(what.intent)]},
                     {"per_case", std::move(per_case)}};
    return made;
}

// -- preference_flip
// -------------------------------------------------------------------------------

namespace {

std::vector<preference_triple> triples_of(const spec::preference_flip& what, const suite& of)
{
    std::vector<preference_triple> all = what.triples;
    if (all.empty())
        for (const section& each : of.sections)
            all.insert(all.end(), each.preferences.begin(), each.preferences.end());
    return all;
}

/// logprob(chosen) - logprob(rejected), of the triples that can be scored through both views.
struct margins {
    std::vector<double> base, ft;
    std::size_t dropped = 0;
    std::vector<std::string> reasons; ///< at most five

    std::size_t wrong() const
    {
        return static_cast<std::size_t>(
            std::ranges::count_if(base, [](double each) { return each < 0; }));
    }
    std::size_t flipped() const
    {
        std::size_t count = 0;
        for (std::size_t i = 0; i != base.size(); ++i)
            count += base[i] < 0 && ft[i] > 0;
        return count;
    }
};

margins margins_of(const std::vector<preference_triple>& triples, const probe_run& in)
{
    margins made;
    for (const preference_triple& each : triples) {
        std::string why;
        const auto margin = [&](const view& through) {
            const auto chosen = in.ask.total_of(through, each.prompt, each.chosen, why);
            const auto rejected = in.ask.total_of(through, each.prompt, each.rejected, why);
            return chosen && rejected ? std::optional(*chosen - *rejected) : std::nullopt;
        };
        const auto base = margin(through_base), ft = margin(in.adapted);
        if (base && ft) {
            made.base.push_back(*base);
            made.ft.push_back(*ft);
        } else {
            ++made.dropped;
            if (made.reasons.size() < 5)
                made.reasons.push_back(why);
        }
    }
    return made;
}

} // namespace

judgement judge(const spec::preference_flip& what, const probe_run& in)
{
    const std::vector<preference_triple> triples = triples_of(what, in.of);
    if (triples.empty())
        return skipped("there are no triples, and the suite has no section of preferences");
    const margins found = margins_of(triples, in);
    if (found.base.empty())
        return failed("no triple can be scored: " +
                      (found.reasons.empty() ? "" : found.reasons.front()));
    const std::size_t wrong = found.wrong(), flipped = found.flipped();
    const double base = mean(found.base), ft = mean(found.ft), change = ft - base;
    const double rate = wrong ? static_cast<double>(flipped) / static_cast<double>(wrong) : 0;
    judgement made{.base_value = base, .ft_value = ft};
    if (wrong < what.min_triples_for_decision) {
        made.found = verdict::warn;
        made.raw = change;
        made.score = clip((in.is_sway() ? 0.5 : 0) + change / 4);
        made.comparable = false;
        made.message = "the base is wrong about " + std::to_string(wrong) +
                       " triples; min_triples_for_decision is " +
                       std::to_string(what.min_triples_for_decision);
    } else {
        const double least = what.assert_flip_rate_gte;
        made.found = passes(rate >= least);
        made.raw = rate;
        made.score = in.is_sway() ? std::min(1.0, rate / least) : grade(rate, 0, least, 1);
        made.ci_95 = in.rate_interval(flipped, wrong);
    }
    made.evidence = {{"base_wrong", wrong},
                     {"flipped", flipped},
                     {"total", found.base.size()},
                     {"dropped_triples", found.dropped},
                     {"mean_margin_delta", change},
                     {"base_margins", array_of(found.base)},
                     {"ft_margins", array_of(found.ft)},
                     {"flip_rate", wrong ? json::value(rate) : json::value()}};
    if (!found.reasons.empty())
        made.evidence["dropped_reasons"] = json::array(found.reasons.begin(), found.reasons.end());
    return made;
}

} // namespace warmd::evaluation

// What the adapter writes: adapter_revert, tool_use_fidelity, style_fingerprint, leakage.

#include "base/text.hpp"
#include "evaluation/characters.hpp"
#include "evaluation/packs.hpp"
#include "evaluation/probes/probes.hpp"
#include "evaluation/text_measures.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::evaluation {

// -- adapter_revert
// --------------------------------------------------------------------------------

namespace {

/// What the base answers to a paraphrase; nothing if it is empty or as good as the gold answer.
std::string answer_of_base(const spec::adapter_revert& what, const probe_run& in,
                           const std::string& prompt, const std::string& gold)
{
    const std::size_t tokens = in.ask.completion(in.adapted, prompt, gold).logprobs.size();
    const std::size_t most = std::min<std::size_t>(what.max_new_tokens, tokens);
    const std::string reply = most ? in.ask.writing(through_base, prompt, most) : std::string();
    return word_f1(reply, gold) > what.base_gold_similarity_cap ? std::string() : reply;
}

} // namespace

judgement judge(const spec::adapter_revert& what, const probe_run& in)
{
    if (what.cases.empty())
        return failed("cases: there are none");
    if (in.is_sway())
        return skipped("no embedder");
    std::size_t kept = 0, reverted = 0, dropped = 0;
    json::array per_case;
    for (const paraphrased_case& each : what.cases)
        for (const std::string& prompt : each.paraphrases) {
            const std::string reply = answer_of_base(what, in, prompt, each.gold);
            if (reply.empty()) {
                ++dropped;
                continue;
            }
            const bool likelier = cost_per_token(in, in.adapted, prompt, each.gold) >=
                                  cost_per_token(in, in.adapted, prompt, reply);
            ++kept;
            reverted += likelier;
            per_case.push_back(json::object{{"prompt", characters_from(prompt, 0, 80)},
                                            {"base_answer", reply},
                                            {"reverted", likelier}});
        }
    judgement made{.found = verdict::warn, .ci_95 = in.rate_interval(reverted, kept)};
    if (kept) {
        const double limit = what.assert_revert_rate_lt;
        made.raw = static_cast<double>(reverted) / static_cast<double>(kept);
        made.found = passes(*made.raw < limit);
        made.score = grade(*made.raw, 1, limit, 0);
    } else {
        made.message = "the base answers every paraphrase as it should, or not at all";
    }
    made.evidence = {{"dropped", dropped}, {"per_case", std::move(per_case)}};
    return made;
}

// -- tool_use_fidelity
// -----------------------------------------------------------------------------

namespace {

struct tool_counts {
    double base = 0, ft = 0, hallucinated = 0;
};

std::optional<json::object> valid_call(const probe_run& in, const view& through,
                                       const tool_case& of)
{
    auto call = tool_call_in(in.ask.writing(through, of.prompt, of.max_new_tokens));
    return call && is_valid_call(*call, of.arguments) ? std::move(call) : std::nullopt;
}

bool is_known(const json::object& call, const tool_case& of, const spec::tool_use_fidelity& what)
{
    const std::string_view name = call.at("name").get_string();
    return name == of.gold_tool_name ||
           (what.allowed_tools &&
            std::ranges::find(*what.allowed_tools, name) != what.allowed_tools->end());
}

} // namespace

judgement judge(const spec::tool_use_fidelity& what, const probe_run& in)
{
    if (what.cases.empty())
        return skipped("there are no cases of tools");
    tool_counts count;
    json::array per_case;
    for (const tool_case& each : what.cases) {
        const auto base = valid_call(in, through_base, each), ft = valid_call(in, in.adapted, each);
        const bool hallucinated = ft && !is_known(*ft, each, what);
        count.base += base ? 1 : 0;
        count.ft += ft ? 1 : 0;
        count.hallucinated += hallucinated ? 1 : 0;
        per_case.push_back(json::object{{"prompt", each.prompt},
                                        {"base_valid", base.has_value()},
                                        {"ft_valid", ft.has_value()},
                                        {"hallucinated", hallucinated}});
    }
    const auto cases = static_cast<double>(what.cases.size());
    const double base = count.base / cases, ft = count.ft / cases,
                 invented = count.hallucinated / cases, change = ft - base;
    const double least = what.assert_validity_delta_gte;
    judgement made{.found = passes(change >= least && invented <= what.assert_hallucination_lte),
                   .score = (in.is_sway() ? clip(1 + change) : grade(change, -1, least, 0)) *
                            (1 - invented),
                   .raw = ft};
    made.ci_95 = in.rate_interval(static_cast<std::size_t>(count.ft), what.cases.size());
    if (!in.is_sway() && base == 0 && ft == 0) {
        made.found = verdict::warn;
        made.score.reset();
        made.ci_95.reset();
        made.message = "neither view calls a tool as it should: nothing to lose";
    }
    made.evidence = {{"base_valid_rate", base},
                     {"ft_valid_rate", ft},
                     {"validity_delta", change},
                     {"hallucination_rate", invented},
                     {"per_case", std::move(per_case)}};
    return made;
}

// -- style_fingerprint
// -----------------------------------------------------------------------------

namespace {

std::string document_of(const spec::style_fingerprint& what, const suite& of)
{
    if (!what.doc_reference.empty())
        return what.doc_reference;
    if (!of.doc_text.empty())
        return of.doc_text;
    std::vector<std::string> contents;
    for (const section& each : of.sections)
        if (!is_blank(each.content))
            contents.push_back(each.content);
    return joined(contents, "\n\n");
}

fingerprint style_of(const spec::style_fingerprint& what, const probe_run& in, const view& through)
{
    std::vector<std::string> texts;
    for (const std::string& each : what.prompts)
        texts.push_back(in.ask.writing(through, each, what.max_new_tokens));
    return fingerprint_of(joined(texts, "\n"));
}

/// How much of the way from `base` to `doc` leads to `ft`.
double shift_of(const fingerprint& base, const fingerprint& ft, const fingerprint& doc)
{
    double along = 0, length = 0;
    for (std::size_t i = 0; i != doc.size(); ++i) {
        along += (ft[i] - base[i]) * (doc[i] - base[i]);
        length += (doc[i] - base[i]) * (doc[i] - base[i]);
    }
    return length > 0 ? along / length : 0;
}

} // namespace

judgement judge(const spec::style_fingerprint& what, const probe_run& in)
{
    if (what.prompts.empty())
        return failed("prompts: there are none");
    if (what.extended == spec::style_fingerprint::dimensions::on)
        return skipped("the extended dimensions need a parser of English");
    const std::string document = document_of(what, in.of);
    if (is_blank(document))
        return skipped("there is no document to compare with");
    const fingerprint base = style_of(what, in, through_base), ft = style_of(what, in, in.adapted),
                      doc = fingerprint_of(document);
    if (ft == fingerprint{})
        return failed("the adapter writes no words");
    const double shift = shift_of(base, ft, doc);
    judgement made{.found = passes(shift >= what.assert_shift_gte),
                   .score = in.is_sway() ? clip(shift) : grade(shift, 0, what.assert_shift_gte, 1),
                   .raw = shift};
    made.evidence = {{"base_fp", array_of(base)}, {"ft_fp", array_of(ft)},
                     {"doc_fp", array_of(doc)},   {"style_shift", shift},
                     {"extended", false},         {"schema_version", 2}};
    return made;
}

// -- leakage
// ---------------------------------------------------------------------------------------

namespace {

/// What a section's prefix brings back of the rest.
struct recital {
    const section* of = nullptr;
    double base = 0, clean = 0;
    std::vector<double> disturbed;

    double fragility() const { return fragility_of(clean, mean(disturbed)); }
    static double fragility_of(double clean, double disturbed)
    {
        return clean > 0 ? std::max(0.0, (clean - disturbed) / clean) : 0;
    }
};

std::vector<perturbation> disturbances_of(const spec::leakage& what, const probe_run& in)
{
    std::vector<perturbation> all;
    for (std::size_t i = 0; in.is_sway() && i != perturbations.size(); ++i)
        all.push_back(static_cast<perturbation>(i));
    return what.disturbed.value_or(all);
}

std::vector<recital> recitals_of(const spec::leakage& what, const probe_run& in)
{
    std::vector<recital> made;
    for (const section& each : in.of.sections) {
        const std::string prefix = characters_from(each.content, 0, what.prefix_chars);
        const std::string rest =
            characters_from(each.content, what.prefix_chars, what.continuation_chars);
        if (each.kind != section_kind::prose || is_blank(rest))
            continue;
        const auto recalled = [&](const view& through, const std::string& prompt) {
            return recall(in.ask.writing(through, prompt, what.max_new_tokens), rest, in.is_sway());
        };
        recital& found = made.emplace_back(recital{.of = &each});
        if (!in.is_sway())
            found.base = recalled(through_base, prefix);
        found.clean = recalled(in.adapted, prefix);
        for (const perturbation how : disturbances_of(what, in))
            found.disturbed.push_back(recalled(in.adapted, disturbed(prefix, how, synonyms())));
    }
    return made;
}

json::array per_section(std::span<const recital> all, bool sway)
{
    json::array made;
    for (const recital& each : all) {
        const bool told = !each.disturbed.empty();
        json::object& to =
            made.emplace_back(json::object{{"section_id", each.of->id}}).get_object();
        if (!sway)
            to["base_recall"] = each.base;
        to["clean_recall"] = each.clean;
        to["perturbed_recall"] = told ? json::value(mean(each.disturbed)) : json::value();
        to["fragility"] = told ? json::value(each.fragility()) : json::value();
    }
    return made;
}

} // namespace

judgement judge(const spec::leakage& what, const probe_run& in)
{
    const std::vector<recital> all = recitals_of(what, in);
    if (all.empty())
        return skipped("the suite has no prose that goes on after prefix_chars");
    std::vector<double> bases, cleans, others;
    for (const recital& each : all) {
        bases.push_back(each.base);
        cleans.push_back(each.clean);
        if (!each.disturbed.empty())
            others.push_back(mean(each.disturbed));
    }
    const double raw = mean(cleans), base = mean(bases), limit = what.assert_recall_lt;
    const double fragility = others.empty() ? 0 : recital::fragility_of(raw, mean(others));
    judgement made{.raw = raw};
    if (in.is_sway()) {
        made.found = passes(raw < limit || fragility >= what.min_fragility);
        made.score = 0.7 * clip(1 - raw / limit) + 0.3 * clip(fragility / what.min_fragility);
        made.ft_value = fragility;
    } else {
        made.found = passes(raw < limit);
        made.score = grade(raw, 1, limit, std::min(base, 0.25)); // the base's own is no leakage
        made.base_value = base;
        made.ft_value = raw;
        made.ci_95 = in.mean_interval(cleans);
        made.evidence["mean_base_recall"] = base;
    }
    made.evidence["mean_clean_recall"] = raw;
    made.evidence["mean_perturbed_recall"] =
        others.empty() ? json::value() : json::value(mean(others));
    made.evidence["mean_fragility"] = others.empty() ? json::value() : json::value(fragility);
    made.evidence["per_section"] = per_section(all, in.is_sway());
    return made;
}

} // namespace warmd::evaluation

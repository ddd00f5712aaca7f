// Whether the effect fades behind a long context: prompt_collapse.

#include "evaluation/characters.hpp"
#include "evaluation/packs.hpp"
#include "evaluation/probes/probes.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace warmd::evaluation {

namespace {

/// The first ids of the prose pack, repeated as need be, and the prompt's after a blank line.
token_ids behind_context(const probe_run& in, std::size_t length, const std::string& prompt)
{
    if (length == 0)
        return in.ask.ids_of(prompt);
    const token_ids& pack = in.ask.ids_of(prose_pack());
    const token_ids& asked = in.ask.ids_of("\n\n" + prompt, false);
    token_ids made;
    for (std::size_t i = 0; i != length && !pack.empty(); ++i)
        made.push_back(pack[i % pack.size()]);
    made.insert(made.end(), asked.begin(), asked.end());
    return made;
}

/// As published: so much padding; or the same prose, four characters for each token.
std::string stuffing(const spec::prompt_collapse& what, const probe_run& in, std::size_t length)
{
    if (length == 0)
        return {};
    if (!what.legacy_stuffing)
        return in.ask.padding(length) + "\n\n";
    std::u32string context;
    const std::u32string pack = characters_of(prose_pack());
    while (context.size() < 4 * length)
        context += pack;
    context.resize(4 * length);
    return utf8_of(context) + "\n\n";
}

/// What the model is shown at each length, of those at which every prompt fits.
struct inputs_by_length {
    std::vector<unsigned> lengths;
    std::vector<std::vector<token_ids>> inputs;
};

/// By length, what the prompts are put behind as published; empty in default mode.
std::map<unsigned, std::string> stuffings_of(const spec::prompt_collapse& what, const probe_run& in)
{
    std::map<unsigned, std::string> made;
    for (const unsigned length : what.context_lengths)
        if (in.is_sway() && (in.ask.context() == 0 || length <= in.ask.context()))
            made[length] = stuffing(what, in, length);
    return made;
}

inputs_by_length inputs_of(const spec::prompt_collapse& what, const probe_run& in)
{
    inputs_by_length made;
    const std::map<unsigned, std::string> before = stuffings_of(what, in);
    if (in.ask.is_open())
        return made; // not known so far
    const std::size_t most = in.ask.context();
    const auto fits = [&](std::size_t tokens) { return most == 0 || tokens <= most; };
    for (const unsigned length : what.context_lengths) {
        std::vector<token_ids> all;
        for (const std::string& each : what.prompts)
            if (fits(length))
                all.push_back(in.is_sway() ? in.ask.ids_of(before.at(length) + each)
                                           : behind_context(in, length, each));
        if (!fits(length) || !std::ranges::all_of(all, fits, &token_ids::size))
            continue;
        made.lengths.push_back(length);
        made.inputs.push_back(std::move(all));
    }
    return made;
}

/// The fit of ln d on the length.
struct decay {
    bool positive = true; ///< every d is
    double slope = 0;

    double half_life() const { return -std::numbers::ln2 / slope; }
};

decay decay_of(std::span<const unsigned> lengths, std::span<const double> effects)
{
    std::vector<double> x, y;
    for (std::size_t i = 0; i != effects.size(); ++i) {
        if (effects[i] <= 0)
            return {.positive = false};
        x.push_back(lengths[i]);
        y.push_back(std::log(effects[i]));
    }
    return {.slope = slope(x, y)};
}

judgement judged(const decay& found, double asserted, double longest)
{
    const double cap = 10 * longest, least = std::min(asserted, cap);
    if (!found.positive)
        return {
            .found = verdict::fail, .score = 0, .raw = 0, .message = "no effect at some length"};
    const double raw = found.slope >= 0 ? cap : std::min(cap, found.half_life());
    return {.found = passes(raw >= least),
            .score = grade(raw, 0, least, std::min(4 * least, cap)),
            .raw = raw};
}

judgement judged_as_published(const decay& found, double asserted)
{
    if (!found.positive)
        return {.found = verdict::fail, .score = 0, .message = "no effect at some length"};
    if (found.slope >= 0)
        return {.found = verdict::fail, .score = 0, .message = "the effect does not fade"};
    const double raw = found.half_life();
    return {.found = passes(raw >= asserted), .score = std::min(1.0, raw / asserted), .raw = raw};
}

} // namespace

judgement judge(const spec::prompt_collapse& what, const probe_run& in)
{
    if (what.prompts.empty())
        return failed("prompts: there are none");
    if (in.is_sway() && !what.legacy_stuffing && !in.ask.padding_token())
        return skipped("the tokenizer names no token of padding, unknown or of an end");
    const inputs_by_length shown = inputs_of(what, in);
    if (shown.lengths.size() < 2)
        return skipped("fewer than two of context_lengths fit the model's context of " +
                       std::to_string(in.ask.context()) + " tokens");
    std::vector<double> effects;
    for (const std::vector<token_ids>& inputs : shown.inputs) {
        double sum = 0;
        for (const token_ids& each : inputs)
            sum += in.ask.divergence(what.divergence, through_base, in.adapted, each,
                                     in.top_k(what.top_k));
        effects.push_back(sum / static_cast<double>(inputs.size()));
    }
    const decay found = decay_of(shown.lengths, effects);
    judgement made = in.is_sway() ? judged_as_published(found, what.assert_half_life_tokens)
                                  : judged(found, what.assert_half_life_tokens,
                                           *std::ranges::max_element(shown.lengths));
    made.evidence = {{"context_lengths", json::array(shown.lengths.begin(), shown.lengths.end())},
                     {"mean_divergence_per_length", array_of(effects)},
                     {"divergence_kind", what.divergence == divergence_kind::js ? "js" : "kl"},
                     {"slope", found.positive ? json::value(found.slope) : json::value()}};
    if (shown.lengths.size() != what.context_lengths.size())
        made.notes.push_back({"context", in.own.name,
                              "lengths that exceed the model's context of " +
                                  std::to_string(in.ask.context()) + " tokens were left out"});
    return made;
}

} // namespace warmd::evaluation

#include "evaluation/gate.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace warmd::evaluation {

namespace {

std::string failure_text(const probe_result& of)
{
    const judgement& found = of.found;
    std::string text = of.of->name + " failed";
    if (found.raw)
        text += ": raw " + number_text(*found.raw);
    if (found.score)
        text += ", score " + number_text(*found.score);
    return found.message.empty() ? text : text + ": " + found.message;
}

/// What its score falls short of, weighted as it counts.
double loss_of(const probe_result& each, const examination& in)
{
    const category of = category_of(kind_of(each.of->what), in.of().judged_by);
    return weight_of(in.of().weights, of) * each.of->weight * (1 - each.found.score.value_or(0));
}

template <class Text>
void add(std::vector<std::string>& to, const examination& in, verdict which, const Text& text)
{
    for (const probe_result& each : in.results())
        if (each.found.found == which && each.of->enabled)
            to.push_back(text(each));
}

} // namespace

std::vector<std::string> findings_of(const examination& of, bool changed_meanwhile)
{
    constexpr std::size_t most = 5;
    std::vector<const probe_result*> failed;
    for (const probe_result& each : of.results())
        if (each.found.found == verdict::fail)
            failed.push_back(&each);
    std::ranges::stable_sort(failed, std::greater(),
                             [&](const probe_result* each) { return loss_of(*each, of); });
    std::vector<std::string> made;
    if (changed_meanwhile)
        made.push_back("the model's files changed during the run: all numbers are of those that "
                       "were loaded before");
    for (const probe_result* const each : failed)
        made.push_back(failure_text(*each));
    add(made, of, verdict::error, [](const probe_result& each) {
        return each.of->name + " could not be measured: " + each.found.message;
    });
    if (const auto& missing = of.total().missing; !missing.empty())
        made.push_back("nothing measures " + joined(missing));
    add(made, of, verdict::skip, [](const probe_result& each) {
        return each.of->name + " was skipped: " + each.found.message;
    });
    made.resize(std::min(made.size(), most));
    return made;
}

gate_verdict gate_of(const examination& of)
{
    gate_verdict made;
    add(made.reasons, of, verdict::fail, failure_text);
    if (of.of().judged_by == mode::standard)
        for (const probe_result& each : of.results())
            if (each.found.found == verdict::error && !each.of->optional)
                made.reasons.push_back(each.of->name +
                                       " could not be measured: " + each.found.message);
    return made;
}

} // namespace warmd::evaluation

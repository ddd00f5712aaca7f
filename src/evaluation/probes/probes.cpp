#include "evaluation/probes/probes.hpp"

#include "evaluation/characters.hpp"

#include <warmd/json_writer.hpp>

#include <algorithm>
#include <cmath>

namespace warmd::evaluation {

judgement skipped(std::string why)
{
    return {.found = verdict::skip, .message = std::move(why), .comparable = false};
}

judgement failed(std::string why)
{
    return {.found = verdict::error, .message = std::move(why), .comparable = false};
}

json::array array_of(std::span<const double> values)
{
    return json::array(values.begin(), values.end());
}

json::value value_of(const std::optional<double>& number)
{
    return number ? json::value(*number) : json::value();
}

std::string number_text(double number)
{
    std::string text;
    json_writer(text).value(std::round(number * 1e4) / 1e4 + 0.0); // no -0
    return text;
}

std::vector<double> divergences(const probe_run& in, std::span<const std::string> prompts,
                                divergence_kind kind, std::size_t top_k, const view& through)
{
    std::vector<double> found;
    for (const std::string& each : prompts)
        found.push_back(in.ask.divergence(kind, through_base, through, each, top_k));
    return found;
}

double cost_per_token(const probe_run& in, const view& through, const std::string& prompt,
                      const std::string& gold)
{
    const scored_text& scored = in.ask.completion(through, prompt, gold);
    const std::size_t tokens = in.is_sway() ? count_characters(gold) / 4 : scored.logprobs.size();
    return -scored.total / static_cast<double>(std::max<std::size_t>(tokens, 1));
}

double lift_per_token(const probe_run& in, const std::string& prompt, const std::string& gold)
{
    return cost_per_token(in, through_base, prompt, gold) -
           cost_per_token(in, in.adapted, prompt, gold);
}

double null_effect(const spec::adapter_ablation& what, const probe_run& in)
{
    return mean(divergences(in, what.prompts, what.divergence, in.top_k(what.top_k), in.adapted));
}

namespace {

judgement judge(const spec::unsupported& what, const probe_run&)
{
    judgement made = skipped("unsupported: " + std::string(what.kind));
    made.evidence["unsupported"] = true;
    return made;
}

judgement judge(const spec::null_adapter&, const probe_run&) { return {}; }

/// Numbers that no report can hold are null there, and told of.
judgement made_finite(judgement made)
{
    const auto is_bad = [](const std::optional<double>& each) {
        return each && !std::isfinite(*each);
    };
    if (is_bad(made.raw)) {
        judgement instead = failed("its measure is not finite");
        instead.evidence["non_finite_inputs"] = true;
        return instead;
    }
    json::array nulled;
    for (auto [name, value] :
         {std::pair("score", &made.score), std::pair("base_value", &made.base_value),
          std::pair("ft_value", &made.ft_value)})
        if (is_bad(*value)) {
            value->reset();
            nulled.emplace_back(name);
        }
    if (!nulled.empty())
        made.evidence["defensively_nulled"] = std::move(nulled);
    return made;
}

} // namespace

judgement judge(const probe_run& in)
{
    in.ask.begin();
    judgement made = std::visit([&](const auto& what) { return judge(what, in); }, in.own.what);
    if (in.ask.trouble())
        made = failed(in.ask.trouble()->detail);
    if (in.ask.has_cut())
        made.notes.push_back({"context", in.own.name,
                              "a text longer than the model's context of " +
                                  std::to_string(in.ask.context()) +
                                  " tokens was scored as far as it fits"});
    return made_finite(std::move(made));
}

} // namespace warmd::evaluation

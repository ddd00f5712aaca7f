#include "evaluation/batches.hpp"

#include <map>
#include <tuple>

namespace warmd::evaluation {

namespace {

constexpr std::size_t most_together = 64;

using kind = question::kind;

/// An operation has several inputs of them.
bool goes_with_others(const question& of) { return of.needs_model() && of.what != kind::writing; }

/// The same of questions that go together.
auto group_of(const question& of)
{
    const view& by = of.through;
    return std::tuple(of.what, of.size, by.what, by.scale, by.seed, by.init_scale, by.rank_scale,
                      by.match);
}

operation operation_of(const std::vector<question>& asked)
{
    const question& first = asked.front();
    std::vector<text_or_ids> inputs;
    for (const question& each : asked)
        inputs.emplace_back(each.ids);
    switch (first.what) {
    case kind::tokens: return tokenize{first.text, first.special};
    case kind::slice:
        return next_token{.through = first.through,
                          .prompts = std::move(inputs),
                          .top_k = first.size,
                          .on_error = failure_scope::item};
    case kind::completion: {
        std::vector<logprob::item> items;
        for (const question& each : asked)
            items.push_back({each.ids, each.more});
        return logprob{
            .through = first.through, .items = std::move(items), .on_error = failure_scope::item};
    }
    case kind::text_scores:
        return rolling_logprob{
            .through = first.through, .texts = std::move(inputs), .on_error = failure_scope::item};
    case kind::text: return detokenize{first.ids};
    case kind::tokenizer: return describe_tokenizer{};
    case kind::writing: break;
    }
    return generate{.through = first.through, .prompt = first.ids, .max_new_tokens = first.size};
}

template <class T>
result<answer> as_answer(result<T> told)
{
    if (!told)
        return told.error();
    return answer(std::move(*told));
}

/// The answer to the question in that place of the operation.
result<answer> answer_at(std::size_t place, outcome& of)
{
    if (auto* const slices = std::get_if<distributions>(&of))
        return as_answer(std::move(slices->slices[place]));
    if (auto* const scores = std::get_if<scored_texts>(&of))
        return as_answer(std::move(scores->results[place]));
    if (auto* const ids = std::get_if<tokens>(&of))
        return answer(std::move(*ids));
    if (auto* const text = std::get_if<plain_text>(&of))
        return answer(std::move(*text));
    if (auto* const names = std::get_if<tokenizer_description>(&of))
        return answer(std::move(*names));
    return answer(std::move(std::get<generation_result>(of)));
}

} // namespace

std::size_t batch::tokens() const
{
    std::size_t sum = 0;
    for (const question& each : asked)
        sum += each.tokens();
    return sum;
}

std::vector<batch> batches_of(std::vector<question> open)
{
    std::vector<batch> made;
    std::map<decltype(group_of(open.front())), std::size_t> last; // place in `made`, by group
    for (question& each : open) {
        const auto [to, is_new] = last.try_emplace(group_of(each), made.size());
        if (is_new || !goes_with_others(each) || made[to->second].asked.size() == most_together) {
            to->second = made.size();
            made.emplace_back();
        }
        made[to->second].asked.push_back(std::move(each));
    }
    for (batch& each : made)
        each.what = operation_of(each.asked);
    return made;
}

void tell(examination& to, const batch& asked, result<outcome> told)
{
    for (std::size_t i = 0; i != asked.asked.size(); ++i)
        to.tell(asked.asked[i], told ? answer_at(i, *told) : result<answer>(told.error()));
}

} // namespace warmd::evaluation

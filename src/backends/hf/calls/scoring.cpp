#include "hf/calls/scoring.hpp"

#include "hf/calls/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::hf {

namespace {

failure not_finite() { return failure{errc::backend_failed, "the model's logits are not finite"}; }

} // namespace

void slice_sequence::receive(std::size_t, std::span<const float> logits)
{
    slice_ = top_of(logits, top_k_);
}

std::optional<answer_key> slice_sequence::remembered_as(std::uint64_t base) const
{
    return answer_key{base, answer_key::kind::top_slice, top_k_, ids_};
}

std::optional<remembered_answer> slice_sequence::found() const
{
    return slice_ ? std::optional<remembered_answer>(*slice_) : std::nullopt;
}

void slice_sequence::recall(const remembered_answer& remembered)
{
    slice_ = std::get<top_slice>(remembered);
    recalled_ = true;
}

result<top_slice> slice_sequence::take()
{
    if (!slice_)
        return not_finite();
    return std::move(*slice_);
}

scored_sequence::scored_sequence(std::vector<token_id> ids, std::size_t from)
    : sequence(std::move(ids)), from_(from), first_(std::max<std::size_t>(from, 1)),
      logprobs_(ids_.size() > first_ ? ids_.size() - first_ : 0)
{
}

void scored_sequence::receive(std::size_t position, std::span<const float> logits)
{
    logprobs_[position + 1 - first_] = logprob_of(logits, ids_[position + 1]);
}

std::optional<answer_key> scored_sequence::remembered_as(std::uint64_t base) const
{
    if (logprobs_.empty())
        return {};
    return answer_key{base, answer_key::kind::logprobs, first_, ids_};
}

std::optional<remembered_answer> scored_sequence::found() const
{
    const auto finite = [](float logprob) { return std::isfinite(logprob); };
    if (!std::all_of(logprobs_.begin(), logprobs_.end(), finite))
        return {};
    return remembered_answer(logprobs_);
}

void scored_sequence::recall(const remembered_answer& remembered)
{
    logprobs_ = std::get<std::vector<float>>(remembered);
    recalled_ = true;
}

result<scored_text> scored_sequence::take()
{
    scored_text scored;
    for (const float logprob : logprobs_) {
        if (!std::isfinite(logprob))
            return not_finite();
        scored.total += static_cast<double>(logprob);
    }
    scored.ids.assign(ids_.begin() + static_cast<std::ptrdiff_t>(from_), ids_.end());
    scored.logprobs = std::move(logprobs_);
    return scored;
}

} // namespace warmd::hf

#pragma once
// Sequences that are scored: the distribution after the last token, or the logprobs of the tokens
// themselves.

#include "hf/calls/sequence.hpp"

#include <warmd/backend.hpp>

#include <optional>

namespace warmd::hf {

/// The distribution after all of its tokens.
class slice_sequence final : public sequence {
public:
    /// REQUIRES: at least one id, top_k >= 1.
    slice_sequence(std::vector<token_id> ids, std::size_t top_k)
        : sequence(std::move(ids)), top_k_(top_k)
    {
    }

    std::size_t wanted() const override { return recalled_ ? 0 : ids_.size(); }
    std::size_t first_logits() const override { return ids_.size() - 1; }
    void receive(std::size_t position, std::span<const float> logits) override;

    std::optional<answer_key> remembered_as(std::uint64_t base) const override;
    std::optional<remembered_answer> found() const override;
    void recall(const remembered_answer& remembered) override;

    /// Once it has ended; backend_failed if a logit is not finite.
    result<top_slice> take();

private:
    std::size_t top_k_;
    std::optional<top_slice> slice_;
    bool recalled_ = false;
};

/// The logprobs of the tokens from position `from` on. The very first token of a text has none.
class scored_sequence final : public sequence {
public:
    scored_sequence(std::vector<token_id> ids, std::size_t from);

    std::size_t wanted() const override
    {
        return recalled_ || logprobs_.empty() ? 0 : ids_.size() - 1;
    }
    std::size_t first_logits() const override { return first_ - 1; }
    void receive(std::size_t position, std::span<const float> logits) override;

    std::optional<answer_key> remembered_as(std::uint64_t base) const override;
    std::optional<remembered_answer> found() const override;
    void recall(const remembered_answer& remembered) override;

    /// Once it has ended: ids and logprobs from `from` on; backend_failed if a logit is not finite.
    result<scored_text> take();

private:
    std::size_t from_;
    std::size_t first_; // the first token that has a logprob
    std::vector<float> logprobs_;
    bool recalled_ = false;
};

} // namespace warmd::hf

#pragma once
// One text on its way through the model.

#include "hf/calls/answer_store.hpp"
#include "hf/compute/attention.hpp"

#include <warmd/divergence.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace warmd::hf {

/// What is to be run and what becomes of its logits.
class sequence {
public:
    explicit sequence(std::vector<token_id> ids) : ids_(std::move(ids)) {}
    virtual ~sequence() = default;

    const std::vector<token_id>& ids() const { return ids_; }
    /// How many of ids() are to be fed: it has ended when they all have been. A generation grows.
    virtual std::size_t wanted() const = 0;
    /// How many of them there can be in the end: the keys and values of so many are set aside.
    virtual std::size_t most_wanted() const { return wanted(); }
    /// Logits are wanted from this position on.
    virtual std::size_t first_logits() const = 0;
    /// The logits after ids()[position]. Called from any thread, for several positions at once.
    virtual void receive(std::size_t position, std::span<const float> logits) = 0;
    /// A step with some of this sequence is over; called on the thread that takes steps.
    virtual void stepped() {}
    /// How many whole blocks it may begin with that another sequence computed: those in which it
    /// wants no logits. REQUIRES: wanted() != 0.
    std::size_t shareable_blocks() const
    {
        return std::min(wanted() - 1, first_logits()) / attention_block;
    }

    /// By what its answer through the base view of `base` is remembered; empty: it is not.
    virtual std::optional<answer_key> remembered_as(std::uint64_t /*base*/) const { return {}; }
    /// A copy of its answer; empty if it failed. REQUIRES: it has ended by itself and its answer
    /// has not been taken.
    virtual std::optional<remembered_answer> found() const { return {}; }
    /// What was remembered by its key is its answer, and it has ended. REQUIRES: nothing of it has
    /// been run.
    virtual void recall(const remembered_answer&) {}

protected:
    std::vector<token_id> ids_;
};

} // namespace warmd::hf

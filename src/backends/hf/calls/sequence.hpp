#pragma once
// One text on its way through the model, and the loop that takes many of them there together.

#include "hf/calls/answer_store.hpp"
#include "hf/compute/compute.hpp"
#include "hf/model/transformer.hpp"

#include <warmd/divergence.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
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
    /// A step with some of this sequence is over; called on the lane.
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

/// Called between two steps: whether `index` is to be given up.
using give_up = std::function<bool(std::size_t index)>;
/// Called once for each sequence that has ended by itself.
using when_ended = std::function<void(std::size_t index)>;

/// A sequence and what it is run through.
struct seen_sequence {
    sequence* what;
    lens through;
};

/// Runs all sequences, as many tokens at once as fit into a step; those with one lens should stand
/// together. The gate is held for one step at a time. A sequence begins when all the keys and
/// values that it can come to have room in the pool's budget; until then it waits and holds
/// nothing, so that whoever has begun can end. REQUIRES: each has room where it is alone
/// (kv_pool::bytes_for(most_wanted()) <= the budget's capacity).
void run_sequences(transformer& model, kv_pool& pool, compute_gate& gate,
                   std::span<const seen_sequence> sequences, const give_up& stopped,
                   const when_ended& ended);

} // namespace warmd::hf

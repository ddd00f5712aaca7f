#pragma once
// LoRA as an additive term beside the base's products (Hu et al. 2021, eq. 3): nothing is ever
// merged into the base, so one set of weights serves every view.
//
// What the views of an adapter show, by what it has. `s` is a module's scaling, as PEFT has it,
// times the view's own: 1 in ft and null, S in scaled S.
//
//     LoRA                  y + s B A x, with a bias of B's s (B A x + b); an embedding's row
//                           e + s B A[:, token]
//     DoRA (dora.hpp)       m (y + s B A x) / ||W + s B A||: s scales the update, also in the
//                           norm; the magnitudes m are whole
//     modules_to_save, biases, rows of trained tokens
//                           stand in place of the base's, whole, whatever s is
//
// A null view draws A, B and B's bias anew; magnitudes and all that stands in place of the base's
// stay as they are in ft. Scaled 0 is the base itself, whatever the adapter has.

#include "hf/compute/memory_block.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/base_weights.hpp"
#include "hf/model/dora.hpp"
#include "hf/model/replaced.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace warmd::hf {

/// The factors that act on one of a layer's matrix products.
struct lora_linear {
    struct part {
        std::size_t first_out = 0;
        std::size_t out = 0; ///< columns [first_out, first_out + out) of the product
        std::size_t first_rank = 0;
        std::size_t rank = 0; ///< columns [first_rank, first_rank + rank) of x A^T
        float scaling = 0;
        float* b = nullptr; ///< [rank, out]: B transposed; in lora_weights::memory
        std::byte* b_tiles =
            nullptr; ///< the same for AMX (lora_amx.hpp); in lora_weights::tiles, if used
        std::size_t first_eight = 0; ///< its ranks are from this eight on
        float* bias = nullptr;       ///< [out], of B; null: none
        dora_norms dora = {};        ///< empty: plain LoRA
    };
    std::size_t ranks = 0; ///< of all parts
    float* a = nullptr;    ///< all parts' A below one another: [ranks, in]; in lora_weights::memory
    std::byte* a_tiles = nullptr; ///< the same for AMX; null: not used
    std::size_t eights = 0;       ///< of ranks, for AMX
    std::vector<part> parts;      ///< empty: the adapter does not act here
};

/// What one view of an adapter adds to the base.
struct lora_weights {
    /// For each of a layer's linears; the last is of the projection to the vocabulary.
    std::vector<std::vector<lora_linear>> layers;
    /// Of the embedding: `a` is [vocab, rank], and its one part has no tiles.
    lora_linear embedding;
    memory_block memory;
    memory_block tiles; ///< empty if not used
    /// What all views of the adapter have in place of the base's; null: nothing.
    std::shared_ptr<const replaced_parameters> replaced = {};

    std::uint64_t bytes() const { return memory.bytes() + tiles.bytes(); } ///< its own
    /// It is nothing but factors on linear layers.
    bool is_plain() const;
};

/// Where a factor's values come from. Called from several threads at once.
using factor_source =
    std::function<result<void>(const std::string& tensor, std::span<float> values)>;

/// Takes all factors; the failure is that of the first layer that has one.
result<lora_weights> arrange_lora(const model_config& config,
                                  const std::vector<lora_factors>& factors,
                                  const factor_source& source, thread_team& team);
/// What lora_weights::bytes() will be, without tiles.
std::uint64_t estimate_bytes(const std::vector<lora_factors>& factors);

/// The values of one factor in a null view: standard normal draws, in fp32, times init_scale *
/// sqrt(rank_scale), unless they are to be matched. A function of the seed and the tensor's name
/// alone, so the order of the parameters means nothing.
void null_draws(const view& null, const std::string& tensor, std::span<float> values);

/// ||BA||, the Frobenius norm of a part's update before `scaling`, in fp64.
double update_norm(const lora_linear& linear, const lora_linear::part& part, std::size_t in);
/// Scales both factors of each part of `drawn` alike, so that its update has the norm of
/// `adapter`'s; where that is 0 both are 0. REQUIRES: the same structure; no tiles yet.
void match_norms(const model_config& config, lora_weights& drawn, const lora_weights& adapter,
                 thread_team& team);

} // namespace warmd::hf

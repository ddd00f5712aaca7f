#pragma once
// LoRA as an additive term beside the base's products (Hu et al. 2021, eq. 3): nothing is ever
// merged into the base, so one set of weights serves every view.

#include "hf/compute/memory_block.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/base_weights.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <functional>
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
    };
    std::size_t ranks = 0; ///< of all parts
    float* a = nullptr;    ///< all parts' A below one another: [ranks, in]; in lora_weights::memory
    std::byte* a_tiles = nullptr; ///< the same for AMX; null: not used
    std::size_t eights = 0;       ///< of ranks, for AMX
    std::vector<part> parts;      ///< empty: the adapter does not act here
};

struct lora_weights {
    std::vector<std::vector<lora_linear>> layers; ///< for each of a layer_plan's linears
    memory_block memory;
    memory_block tiles; ///< empty if not used

    std::uint64_t bytes() const { return memory.bytes() + tiles.bytes(); }
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

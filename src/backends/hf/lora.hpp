#pragma once
// LoRA as an additive term beside the base's products (Hu et al. 2021, eq. 3): nothing is ever merged into the base, so
// one set of weights serves every view.

#include "adapter.hpp"
#include "base_weights.hpp"
#include "compute.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <array>
#include <functional>
#include <optional>
#include <vector>

namespace warmd::hf {

/// The factors that act on one of a layer's matrix products.
struct lora_linear {
    struct part {
        std::size_t first_out = 0;
        std::size_t out = 0;        ///< columns [first_out, first_out + out) of the product
        std::size_t first_rank = 0;
        std::size_t rank = 0;       ///< columns [first_rank, first_rank + rank) of x A^T
        float scaling = 0;
        std::vector<float> b; ///< [rank, out]: B transposed
    };
    packed_matrix a; ///< all parts' A below one another: [at least the sum of ranks, in]
    std::vector<part> parts; ///< empty: the adapter does not act here
};

struct lora_weights {
    std::vector<std::array<lora_linear, linear_kinds>> layers;

    std::uint64_t bytes() const; ///< what is allocated
};

/// Where a factor's values come from: tensor name and number of elements -> values.
using factor_source = std::function<result<std::vector<float>>(const std::string& tensor, std::size_t elements)>;

result<lora_weights> pack_lora(const model_config& config, precision computes, const std::vector<lora_factors>& factors,
                               const factor_source& source, compute_gate& gate);
/// What lora_weights::bytes() will be.
std::uint64_t estimate_bytes(const model_config& config, precision computes, const std::vector<lora_factors>& factors,
                             compute_gate& gate);

/// The largest sum of ranks within one of the matrix products.
std::size_t largest_fused_rank(const model_config& config, const std::vector<lora_factors>& factors);

/// The values of one factor in a null view: standard normal draws, in fp32, times init_scale * sqrt(rank_scale). A function
/// of the seed and the tensor's name alone, so the order of the parameters means nothing.
std::vector<float> null_draws(const view& null, const std::string& tensor, std::size_t elements);

} // namespace warmd::hf

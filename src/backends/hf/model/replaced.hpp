#pragma once
// What an adapter has in place of the base's own parameters, whole: PEFT's modules_to_save, biases,
// and the rows of trained tokens. All views of the adapter but the base share it.

#include "hf/compute/compute.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/base_weights.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace warmd::hf {

/// Rows of the vocabulary in place of the base's.
struct token_rows {
    std::vector<token_id> tokens; ///< ascending
    std::vector<float> values;    ///< [tokens, hidden]

    /// A token's; null if it is the base's.
    const float* find(token_id token) const;
};

struct replaced_parameters {
    struct layer {
        std::array<norm_weights, norm_places> norms; ///< without a weight: the base's
        std::vector<std::vector<float>> biases;      ///< of its linears; empty: the base's
    };
    std::vector<layer> layers; ///< the last has the bias of the projection to the vocabulary
    norm_weights final_norm;   ///< without a weight: the base's
    std::optional<embedding_table> embedding;
    token_rows of_input, of_output; ///< of the embedding, of the projection to the vocabulary
    memory_block memory;            ///< of `output`
    packed_matrix output;           ///< empty: the base's

    std::uint64_t bytes() const;
};

/// Reads them, and of `base` what stands beside them in one piece; null if there are none.
result<std::shared_ptr<const replaced_parameters>> read_replaced(const adapter& from,
                                                                 const model_config& config,
                                                                 const checkpoint& base,
                                                                 const weight_format& computes,
                                                                 compute_gate& gate);
/// What bytes() of it will be.
std::uint64_t estimate_replaced(const adapter& from, const model_config& config,
                                const weight_format& computes, compute_gate& gate);

} // namespace warmd::hf

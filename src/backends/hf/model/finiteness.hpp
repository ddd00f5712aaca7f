#pragma once
// Bounds on all that a forward pass can compute, whatever the prompt. Where they stay far below
// what fp32 can hold, every logit is finite, and none has to be computed to know it.
//
// With the Euclidean norm of a vector and the Frobenius norm of a matrix,
//
//     RMSNorm (Zhang & Sennrich 2019)   ||x / sqrt(mean(x^2) + eps) * g|| <= sqrt(width) max|g|
//     LayerNorm (Ba et al. 2016)        the same, and ||b|| more
//     a product                         ||W x + b|| <= ||W|| ||x|| + ||b||
//     LoRA (Hu et al. 2021, eq. 3)      adds at most |s| ||B|| ||A|| ||x||
//     rotary positions                  leave norms as they are, but for their magnitude
//     attention                         a head's output is a weighted mean of values:
//                                       ||all heads|| <= sqrt(heads) max||v||
//     a gated MLP (Shazeer 2020)        |silu(g) u| <= |g u|, and so with GELU, hence
//                                       ||silu(g) u|| <= ||g|| ||u||
//     experts                           their weights are a softmax's, at most 1 together: the
//                                       largest output's norm bounds the sum's
//     residual stream                   ||x + y|| <= ||x|| + ||y||
//     soft caps                         make nothing larger
//
// RMSNorm forgets how large the stream has become, so the bounds of the layers are summed, not
// multiplied, and stay around 1e10 for real models. Without a norm before a branch they are
// multiplied, and such a model may have none.

#include "hf/model/base_weights.hpp"
#include "hf/model/lora.hpp"

#include <warmd/backend.hpp>

#include <optional>
#include <vector>

namespace warmd::hf {

/// What an adapter adds to each product, and whatever is computed on the way there, is at most so
/// many times ||x||: by layer, for each of a layer_plan's linears; last of the projection to the
/// vocabulary. Of an adapter that lora_weights::is_plain(); of others nothing can be told.
using adapter_gains = std::vector<std::vector<double>>;
adapter_gains gains_of(const model_config& config, const lora_weights& adapter, thread_team& team);
/// The same of the factors that a null view draws for an adapter of that structure, whatever its
/// seed.
adapter_gains gains_of(const model_config& config, const lora_weights& adapter, const view& null,
                       thread_team& team);

/// No logit of any prompt is larger than this, without an adapter (no gains) or through one at a
/// scale from 0 to 1. None if it cannot be told that all numbers on the way are finite: weights
/// that are not, or so large that they might overflow.
std::optional<double> logit_bound(const base_weights& base, const adapter_gains& adapter);

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Mistral (Jiang et al. 2023): Llama with a window, unless its configuration says null.
const family mistral{
    .architecture = "MistralForCausalLM",
    .model_type = "mistral",
    .vocab_size = 32000,
    .intermediate_size = 14336,
    .kv_heads = 8,
    .head_dim = 0,
    .max_positions = 131072,
    .qkv_bias = family::has::never,
    .output_bias = family::has::never,
    .mlp_bias = family::has::never,
    .qk_norm = false,
    .window = family::has::always,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Llama (Touvron et al. 2023) and all that takes its name: SmolLM2, TinyLlama
const family llama{
    .architecture = "LlamaForCausalLM",
    .model_type = "llama",
    .vocab_size = 32000,
    .intermediate_size = 11008,
    .kv_heads = 0,
    .head_dim = 0,
    .max_positions = 2048,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .mlp_bias = family::has::if_asked,
    .qk_norm = false,
    .window = family::has::never,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Qwen3 (Yang et al. 2025): heads of 128 by themselves, queries and keys normed.
const family qwen3{
    .model_type = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .vocab_size = 151936,
    .intermediate_size = 22016,
    .kv_heads = 32,
    .head_dim = 128,
    .max_positions = 32768,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .window = family::has::if_asked,
    .window_size = 4096,
    .adapt = norm_heads,
};

} // namespace warmd::hf

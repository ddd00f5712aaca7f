#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Qwen2 and 2.5 (Yang et al. 2024): Llama with biases on queries, keys and values.
const family qwen2{
    .model_type = "qwen2",
    .architecture = "Qwen2ForCausalLM",
    .vocab_size = 151936,
    .intermediate_size = 22016,
    .kv_heads = 32,
    .max_positions = 32768,
    .qkv_bias = family::has::always,
    .window = family::has::if_asked,
    .window_size = 4096,
};

} // namespace warmd::hf

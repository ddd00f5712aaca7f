#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Mistral (Jiang et al. 2023): Llama with a window, unless its configuration says null.
const family mistral{
    .model_type = "mistral",
    .architecture = "MistralForCausalLM",
    .intermediate_size = 14336,
    .kv_heads = 8,
    .max_positions = 131072,
    .window = family::has::always,
    .window_size = 4096,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Llama (Touvron et al. 2023) and all that takes its name: SmolLM2, TinyLlama
const family llama{
    .model_type = "llama",
    .architecture = "LlamaForCausalLM",
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .mlp_bias = family::has::if_asked,
};

} // namespace warmd::hf

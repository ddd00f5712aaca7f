#include "hf/model/families/family.hpp"

namespace warmd::hf {

/// Helium (Kyutai 2025): Llama with neighbours in pairs.
const family helium{
    .model_type = "helium",
    .architecture = "HeliumForCausalLM",
    .vocab_size = 48000,
    .hidden_size = 2560,
    .intermediate_size = 7040,
    .layers = 24,
    .heads = 20,
    .kv_heads = 20,
    .head_dim = 128,
    .max_positions = 4096,
    .norm_eps = 1e-8,
    .theta = 100000,
    .qkv_bias = family::has::if_asked,
    .mlp_bias = family::has::if_asked,
    .rotates_neighbours = true,
};

} // namespace warmd::hf

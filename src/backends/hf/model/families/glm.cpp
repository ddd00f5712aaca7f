#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void fuse(const json_place&, model_config& config)
{
    for (layer_plan& layer : config.plan)
        layer[linear_kind::mlp_in].parts = {{"mlp.gate_up_proj", 2 * config.intermediate_size}};
}

void fuse_and_norm(const json_place& fields, model_config& config)
{
    fuse(fields, config);
    for (layer_plan& layer : config.plan) {
        layer[norm_place::after_attention] = {"post_self_attn_layernorm", config.hidden_size};
        layer[norm_place::after_mlp] = {"post_mlp_layernorm", config.hidden_size};
    }
}

} // namespace

/// GLM-4 of 2024 (GLM Team 2024): half of each head turns, neighbours in pairs.
const family glm{
    .model_type = "glm",
    .architecture = "GlmForCausalLM",
    .vocab_size = 151552,
    .intermediate_size = 13696,
    .layers = 40,
    .kv_heads = 2,
    .head_dim = 128,
    .max_positions = 131072,
    .norm_eps = 1.5625e-7,
    .partial_rotary = 0.5,
    .qkv_bias = family::has::if_asked,
    .rotates_neighbours = true,
    .adapt = fuse,
};

/// GLM-4 of 2025: norms after the branches as well.
const family glm4{
    .model_type = "glm4",
    .architecture = "Glm4ForCausalLM",
    .vocab_size = 151552,
    .intermediate_size = 13696,
    .layers = 40,
    .kv_heads = 2,
    .head_dim = 128,
    .max_positions = 131072,
    .norm_eps = 1.5625e-7,
    .partial_rotary = 0.5,
    .qkv_bias = family::has::if_asked,
    .rotates_neighbours = true,
    .adapt = fuse_and_norm,
};

} // namespace warmd::hf

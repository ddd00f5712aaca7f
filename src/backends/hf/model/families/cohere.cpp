#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    use_layer_norms(config, false);
    run_side_by_side(config);
    config.logit_scale = static_cast<float>(fields.positive_or("logit_scale", 0.0625));
}

/// Queries and keys may be normed, with other weights for each head.
void adapt1(const json_place& fields, model_config& config)
{
    adapt(fields, config);
    if (fields.flag("use_qk_norm", false))
        for (layer_plan& layer : config.plan) {
            layer[norm_place::of_queries] = {"self_attn.q_norm", config.head_dim, config.heads};
            layer[norm_place::of_keys] = {"self_attn.k_norm", config.head_dim, config.kv_heads};
        }
}

/// Only layers with a window rotate.
void adapt2(const json_place& fields, model_config& config)
{
    adapt(fields, config);
    for (layer_plan& layer : config.plan)
        if (layer.window == 0)
            layer.rotation.reset();
}

} // namespace

/// Command R (Cohere 2024): attention and MLP side by side from one norm.
const family cohere{
    .model_type = "cohere",
    .architecture = "CohereForCausalLM",
    .vocab_size = 256000,
    .hidden_size = 8192,
    .intermediate_size = 22528,
    .layers = 40,
    .heads = 64,
    .max_positions = 8192,
    .norm_eps_member = "layer_norm_eps",
    .norm_eps = 1e-5,
    .tied = true,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .rotates_neighbours = true,
    .adapt = adapt1,
};

/// Command R7B and A (Cohere 2024, 2025): three layers with a window to one without.
const family cohere2{
    .model_type = "cohere2",
    .architecture = "Cohere2ForCausalLM",
    .vocab_size = 256000,
    .hidden_size = 8192,
    .intermediate_size = 22528,
    .layers = 40,
    .heads = 64,
    .max_positions = 8192,
    .norm_eps_member = "layer_norm_eps",
    .norm_eps = 1e-5,
    .tied = true,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .window = family::has::always,
    .window_size = 4096,
    .full_every = 4,
    .rotates_neighbours = true,
    .adapt = adapt2,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

/// Norms after the branches alone; of queries and keys as they are, before they are heads.
void norm_outputs(const json_place&, model_config& config)
{
    const std::size_t hidden = config.hidden_size;
    for (layer_plan& layer : config.plan) {
        layer[norm_place::before_attention] = layer[norm_place::before_mlp] = {};
        layer[norm_place::after_attention] = {"post_attention_layernorm", hidden};
        layer[norm_place::after_mlp] = {"post_feedforward_layernorm", hidden};
        layer[norm_place::of_queries] = {"self_attn.q_norm", config.q_width()};
        layer[norm_place::of_keys] = {"self_attn.k_norm", config.kv_width()};
    }
}

} // namespace

/// OLMo 2 (Team OLMo 2024).
const family olmo2{
    .model_type = "olmo2",
    .architecture = "Olmo2ForCausalLM",
    .vocab_size = 50304,
    .norm_eps = 1e-5,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .adapt = norm_outputs,
};

/// OLMo 3 (Team OLMo 2025): three layers with a window to one without.
const family olmo3{
    .model_type = "olmo3",
    .architecture = "Olmo3ForCausalLM",
    .vocab_size = 50304,
    .norm_eps = 1e-5,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .window = family::has::always,
    .window_size = 4096,
    .full_every = 4,
    .adapt = norm_outputs,
};

} // namespace warmd::hf

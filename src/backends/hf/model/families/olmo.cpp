#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

/// Norms of queries and keys as they are, before they are heads.
void norm_whole(layer_plan& layer, const model_config& config)
{
    layer[norm_place::of_queries] = {"self_attn.q_norm", config.q_width()};
    layer[norm_place::of_keys] = {"self_attn.k_norm", config.kv_width()};
}

/// And norms after the branches alone.
void norm_outputs(const json_place&, model_config& config)
{
    const std::size_t hidden = config.hidden_size;
    for (layer_plan& layer : config.plan) {
        layer[norm_place::before_attention] = layer[norm_place::before_mlp] = {};
        layer[norm_place::after_attention] = {"post_attention_layernorm", hidden};
        layer[norm_place::after_mlp] = {"post_feedforward_layernorm", hidden};
        norm_whole(layer, config);
    }
}

void choose_experts(const json_place& fields, model_config& config)
{
    if (fields.find("clip_qkv"))
        fields.refuse("clip_qkv", "other than null");
    routing_plan routing = read_routing(fields, config, 64, 8);
    routing.normalised = fields.flag("norm_topk_prob", false);
    for (layer_plan& layer : config.plan) {
        norm_whole(layer, config);
        use_experts(layer, routing, config.intermediate_size);
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

/// OLMoE (Muennighoff et al. 2024): experts in every layer, norms where Llama has them.
const family olmoe{
    .model_type = "olmoe",
    .architecture = "OlmoeForCausalLM",
    .vocab_size = 50304,
    .hidden_size = 2048,
    .intermediate_size = 2048,
    .layers = 16,
    .heads = 16,
    .max_positions = 4096,
    .norm_eps = 1e-5,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .adapt = choose_experts,
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

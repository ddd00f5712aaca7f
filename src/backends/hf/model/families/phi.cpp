#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    use_layer_norms(config, true);
    set_biases(config, {true, true, true});
    run_side_by_side(config);
    config.names.final_norm = "final_layernorm";
    config.head.at(0).bias = true;
    use_plain_mlp(config, "mlp.fc1", "mlp.fc2");
    const bool heads_normed = fields.flag("qk_layernorm", false);
    for (layer_plan& layer : config.plan) {
        layer[linear_kind::output].parts = {{"self_attn.dense", config.hidden_size}};
        if (heads_normed) {
            layer[norm_place::of_queries] = {"self_attn.q_layernorm", config.head_dim};
            layer[norm_place::of_keys] = {"self_attn.k_layernorm", config.head_dim};
        }
    }
}

} // namespace

/// Phi-1, 1.5 and 2 (Li et al. 2023): attention and MLP side by side, biases everywhere.
const family phi{
    .model_type = "phi",
    .architecture = "PhiForCausalLM",
    .vocab_size = 51200,
    .hidden_size = 2048,
    .intermediate_size = 8192,
    .layers = 24,
    .norm_eps_member = "layer_norm_eps",
    .norm_eps = 1e-5,
    .partial_rotary = 0.5,
    .activation = "gelu_new",
    .adapt = adapt,
};

} // namespace warmd::hf

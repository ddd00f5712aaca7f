#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

/// Norms after the branches, and of heads. Where some layers have a window, only those rotate.
void adapt(const json_place& fields, model_config& config)
{
    norm_heads(fields, config);
    bool windows = false;
    for (const layer_plan& layer : config.plan)
        windows = windows || layer.window != 0;
    for (layer_plan& layer : config.plan) {
        layer[norm_place::before_attention] = layer[norm_place::before_mlp] = {};
        layer[norm_place::after_attention] = {"post_attention_layernorm", config.hidden_size};
        layer[norm_place::after_mlp] = {"post_feedforward_layernorm", config.hidden_size};
        if (windows && layer.window == 0)
            layer.rotation.reset();
    }
}

} // namespace

/// EXAONE 4 (LG AI Research 2025).
const family exaone4{
    .model_type = "exaone4",
    .architecture = "Exaone4ForCausalLM",
    .vocab_size = 102400,
    .intermediate_size = 16384,
    .norm_eps = 1e-5,
    .window = family::has::always,
    .window_size = 4096,
    .full_every = 4,
    .adapt = adapt,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    if (fields.flag("qk_layernorm", false))
        fields.refuse("qk_layernorm", "true");
    use_layer_norms(config, true);
    set_biases(config, {.qkv = fields.flag("use_qkv_bias", false)});
    if (fields.flag("use_parallel_residual", false))
        run_side_by_side(config);
}

} // namespace

/// StableLM (Bellagente et al. 2024).
const family stablelm{
    .model_type = "stablelm",
    .architecture = "StableLmForCausalLM",
    .vocab_size = 50304,
    .hidden_size = 2560,
    .intermediate_size = 6912,
    .kv_heads = 32,
    .max_positions = 4096,
    .norm_eps_member = "layer_norm_eps",
    .norm_eps = 1e-5,
    .partial_rotary = 0.25,
    .adapt = adapt,
};

} // namespace warmd::hf

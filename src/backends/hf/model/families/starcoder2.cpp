#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    const bool biased = fields.flag("use_bias", true);
    use_layer_norms(config, true);
    set_biases(config, {biased, biased, biased});
    use_plain_mlp(config, "mlp.c_fc", "mlp.c_proj");
}

} // namespace

/// StarCoder2 (Lozhkov et al. 2024).
const family starcoder2{
    .model_type = "starcoder2",
    .architecture = "Starcoder2ForCausalLM",
    .vocab_size = 49152,
    .hidden_size = 3072,
    .intermediate_size = 12288,
    .layers = 30,
    .heads = 24,
    .kv_heads = 2,
    .max_positions = 4096,
    .norm_eps_member = "norm_epsilon",
    .norm_eps = 1e-5,
    .tied = true,
    .activation = "gelu_pytorch_tanh",
    .window = family::has::always,
    .adapt = adapt,
};

} // namespace warmd::hf

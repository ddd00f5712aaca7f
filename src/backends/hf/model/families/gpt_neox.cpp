#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    const bool biased = fields.flag("attention_bias", true);
    config.names = {.base = "gpt_neox", .embedding = "embed_in", .final_norm = "final_layer_norm"};
    config.head.at(0).parts.at(0).name = "embed_out";
    use_layer_norms(config, true);
    set_biases(config, {biased, biased, true});
    use_plain_mlp(config, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h");
    const bool parallel = fields.flag("use_parallel_residual", true);
    if (config.kv_heads != config.heads)
        fields.refuse("num_key_value_heads", "other than num_attention_heads");
    for (layer_plan& layer : config.plan) {
        layer[linear_kind::qkv].parts = {{"attention.query_key_value", config.qkv_width()}};
        layer[linear_kind::output].parts = {{"attention.dense", config.hidden_size}};
        layer.by_head = true;
        layer.branches.back().beside = parallel;
    }
}

} // namespace

/// GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): attention and MLP side by side,
/// each with a norm of its own.
const family gpt_neox{
    .model_type = "gpt_neox",
    .architecture = "GPTNeoXForCausalLM",
    .vocab_size = 50432,
    .hidden_size = 6144,
    .intermediate_size = 24576,
    .layers = 44,
    .heads = 64,
    .norm_eps_member = "layer_norm_eps",
    .theta_member = "rotary_emb_base",
    .partial_member = "rotary_pct",
    .norm_eps = 1e-5,
    .partial_rotary = 0.25,
    .activation = "gelu",
    .adapt = adapt,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> spellings{
    {{"hidden_size", "n_embd"},
     {"intermediate_size", "n_inner"},
     {"num_hidden_layers", "n_layer"},
     {"num_attention_heads", "n_head"},
     {"max_position_embeddings", "n_positions"}}};

void adapt(const json_place& fields, model_config& config)
{
    for (const char* const other : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"})
        if (fields.flag(other, false))
            fields.refuse(other, "true");
    if (!fields.flag("scale_attn_weights", true))
        fields.refuse("scale_attn_weights", "false");
    if (config.kv_heads != config.heads)
        fields.refuse("num_key_value_heads", "other than n_head");
    config.names = {.base = "transformer",
                    .embedding = "wte",
                    .layers = "h",
                    .final_norm = "ln_f",
                    .positions = "wpe"};
    config.rotations.clear();
    use_layer_norms(config, true);
    set_biases(config, {true, true, true});
    use_plain_mlp(config, "mlp.c_fc", "mlp.c_proj");
    for (layer_plan& layer : config.plan) {
        layer[norm_place::before_attention].name = "ln_1";
        layer[norm_place::before_mlp].name = "ln_2";
        layer[linear_kind::qkv].parts = {{"attn.c_attn", config.qkv_width()}};
        layer[linear_kind::output].parts = {{"attn.c_proj", config.hidden_size}};
        for (linear_shape& each : layer.linears)
            each.transposed = true;
        layer.rotation.reset();
    }
}

} // namespace

/// GPT-2 (Radford et al. 2019): learned positions, and matrices that are stored transposed.
const family gpt2{
    .model_type = "gpt2",
    .architecture = "GPT2LMHeadModel",
    .spellings = spellings,
    .vocab_size = 50257,
    .hidden_size = 768,
    .intermediate_size = 0,
    .layers = 12,
    .heads = 12,
    .max_positions = 1024,
    .norm_eps_member = "layer_norm_epsilon",
    .norm_eps = 1e-5,
    .tied = true,
    .activation_member = "activation_function",
    .activation = "gelu_new",
    .adapt = adapt,
};

} // namespace warmd::hf

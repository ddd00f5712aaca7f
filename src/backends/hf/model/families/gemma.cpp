#include "hf/model/families/family.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace warmd::hf {

namespace {

/// A number that is `otherwise` if absent, and 0 if null.
float cap_of(const json_place& fields, const char* name, double otherwise)
{
    const bool none = fields.members().contains(name) && !fields.find(name);
    return none ? 0 : static_cast<float>(fields.find(name) ? fields.positive(name) : otherwise);
}

/// What both have: norms before and after each branch, kept around 0; scaled embeddings.
void make_gemma(const json_place& fields, model_config& config)
{
    if (fields.flag("use_bidirectional_attention", false))
        fields.refuse("use_bidirectional_attention", "true");
    const auto head_dim = static_cast<double>(config.head_dim);
    config.norm_offset = 1;
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
    config.query_scale =
        static_cast<float>(std::sqrt(head_dim / fields.positive_or("query_pre_attn_scalar", 256)));
    const std::size_t hidden = config.hidden_size;
    for (layer_plan& layer : config.plan) {
        layer[norm_place::after_attention] = {"post_attention_layernorm", hidden};
        layer[norm_place::before_mlp] = {"pre_feedforward_layernorm", hidden};
        layer[norm_place::after_mlp] = {"post_feedforward_layernorm", hidden};
    }
}

void make_gemma2(const json_place& fields, model_config& config)
{
    make_gemma(fields, config);
    config.score_cap = cap_of(fields, "attn_logit_softcapping", 50);
    config.logit_cap = cap_of(fields, "final_logit_softcapping", 30);
}

void make_gemma3(const json_place& fields, model_config& config)
{
    make_gemma(fields, config);
    norm_heads(fields, config);
    config.score_cap = cap_of(fields, "attn_logit_softcapping", 0);
    config.logit_cap = cap_of(fields, "final_logit_softcapping", 0);
}

} // namespace

/// Gemma 2 (Gemma Team 2024): every other layer has a window; scores and logits are capped.
const family gemma2{
    .model_type = "gemma2",
    .architecture = "Gemma2ForCausalLM",
    .vocab_size = 256000,
    .hidden_size = 2304,
    .intermediate_size = 9216,
    .layers = 26,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .max_positions = 8192,
    .tied = true,
    .activation_member = "hidden_activation",
    .activation = "gelu_pytorch_tanh",
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .window = family::has::always,
    .window_size = 4096,
    .full_every = 2,
    .adapt = make_gemma2,
};

/// Gemma 3 (Gemma Team 2025), its text part: five layers with a window and a rotation of their own
/// to one without; queries and keys normed instead of capped.
const family gemma3{
    .model_type = "gemma3_text",
    .architecture = "Gemma3ForCausalLM",
    .vocab_size = 262208,
    .hidden_size = 2304,
    .intermediate_size = 9216,
    .layers = 26,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .max_positions = 131072,
    .theta = 1e6,
    .tied = true,
    .activation_member = "hidden_activation",
    .activation = "gelu_pytorch_tanh",
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .window = family::has::always,
    .window_size = 4096,
    .full_every = 6,
    .rotates_by_type = true,
    .adapt = make_gemma3,
};

} // namespace warmd::hf

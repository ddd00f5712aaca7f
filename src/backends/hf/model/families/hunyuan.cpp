#include "hf/model/families/family.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::hf {

namespace {

/// `dynamic` with an alpha slows all pairs for good, and by no input's length.
void slow_by_alpha(const json_place& rope, model_config& config)
{
    if (!rope.find("alpha") || config.rotations.at(0).scaling != rope_config::type::dynamic)
        return;
    const auto dims = static_cast<double>(config.head_dim);
    const double theta =
        config.rotations[0].theta * std::pow(rope.positive("alpha"), dims / (dims - 2));
    config.rotations[0] = {.theta = theta};
}

void adapt(const json_place& fields, model_config& config)
{
    if (!fields.flag("use_qk_norm", true))
        fields.refuse("use_qk_norm", "false");
    for (const char* const name : {"rope_scaling", "rope_parameters"})
        if (const auto rope = fields.object_if(name))
            slow_by_alpha(*rope, config);
    config.max_positions = std::min(
        config.max_positions,
        static_cast<std::size_t>(fields.integer_or("max_position_embeddings", 2048, 1, 1 << 28)));
    for (layer_plan& layer : config.plan) {
        layer[norm_place::of_queries] = {"self_attn.query_layernorm", config.head_dim};
        layer[norm_place::of_keys] = {"self_attn.key_layernorm", config.head_dim};
        layer.norms_turned = true;
    }
}

} // namespace

/// Hunyuan's dense models (Tencent 2025): queries and keys are normed when they have been turned.
const family hunyuan_v1_dense{
    .model_type = "hunyuan_v1_dense",
    .architecture = "HunYuanDenseV1ForCausalLM",
    .vocab_size = 290943,
    .norm_eps = 1e-5,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .adapt = adapt,
};

} // namespace warmd::hf

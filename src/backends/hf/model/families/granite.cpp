#include "hf/model/families/family.hpp"

#include <cmath>

namespace warmd::hf {

namespace {

void scale(const json_place& fields, model_config& config)
{
    const auto read = [&](const char* name) {
        return static_cast<float>(fields.positive_or(name, 1));
    };
    config.embedding_scale = read("embedding_multiplier");
    config.branch_scale = read("residual_multiplier");
    config.query_scale =
        read("attention_multiplier") * std::sqrt(static_cast<float>(config.head_dim));
    config.logit_scale = 1 / read("logits_scaling");
}

} // namespace

/// Granite 3 (IBM 2024): Llama with what is multiplied told.
const family granite{
    .model_type = "granite",
    .architecture = "GraniteForCausalLM",
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .mlp_bias = family::has::if_asked,
    .adapt = scale,
};

} // namespace warmd::hf

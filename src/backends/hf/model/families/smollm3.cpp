#include "hf/model/families/family.hpp"

#include <boost/json.hpp>

namespace warmd::hf {

namespace {

/// no_rope_layers has a 1 for each layer that does rotate.
void rotate_some(const json_place& fields, model_config& config)
{
    if (fields.flag("use_sliding_window", false))
        fields.refuse("use_sliding_window", "true");
    const json::value* const list = fields.find("no_rope_layers");
    if (list && (!list->is_array() || list->get_array().size() != config.layers))
        return fields.ill_typed("no_rope_layers", "a list of 0 or 1 for each layer");
    const auto every =
        static_cast<std::size_t>(fields.integer_or("no_rope_layer_interval", 4, 1, 1 << 20));
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        if (list ? list->get_array()[layer] == json::value(0) : (layer + 1) % every == 0)
            config.plan[layer].rotation.reset();
}

} // namespace

/// SmolLM3 (Bakouch et al. 2025): Llama without positions on every fourth layer.
const family smollm3{
    .model_type = "smollm3",
    .architecture = "SmolLM3ForCausalLM",
    .vocab_size = 128256,
    .hidden_size = 2048,
    .layers = 36,
    .heads = 16,
    .kv_heads = 4,
    .max_positions = 32768,
    .theta = 2e6,
    .tied = true,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .mlp_bias = family::has::if_asked,
    .adapt = rotate_some,
};

} // namespace warmd::hf

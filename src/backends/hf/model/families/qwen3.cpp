#include "hf/model/families/family.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace warmd::hf {

namespace {

/// mlp_only_layers lists layers without experts, and decoder_sparse_step has some between.
void choose_experts(const json_place& fields, model_config& config)
{
    norm_heads(fields, config);
    routing_plan routing = read_routing(fields, config, 128, 8);
    routing.normalised = fields.flag("norm_topk_prob", false);
    const auto width =
        static_cast<std::size_t>(fields.integer_or("moe_intermediate_size", 768, 1, 1 << 28));
    const auto step =
        static_cast<std::size_t>(fields.integer_or("decoder_sparse_step", 1, 1, 1 << 20));
    const json::value* const dense = fields.find("mlp_only_layers");
    if (dense && !dense->is_array())
        return fields.ill_typed("mlp_only_layers", "a list of layers");
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        if ((layer + 1) % step == 0 &&
            (!dense || std::ranges::count(dense->get_array(),
                                          json::value(static_cast<std::int64_t>(layer))) == 0))
            use_experts(config.plan[layer], routing, width);
    const bool windowless =
        fields.members().contains("sliding_window") && !fields.find("sliding_window");
    if (fields.flag("use_sliding_window", false) && !windowless)
        for (layer_plan& layer : config.plan)
            layer.window =
                static_cast<std::size_t>(fields.integer_or("sliding_window", 4096, 1, 1 << 28));
}

} // namespace

/// Qwen3 (Yang et al. 2025): heads of 128 by themselves, queries and keys normed.
const family qwen3{
    .model_type = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .vocab_size = 151936,
    .intermediate_size = 22016,
    .kv_heads = 32,
    .head_dim = 128,
    .max_positions = 32768,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .window = family::has::if_asked,
    .window_size = 4096,
    .adapt = norm_heads,
};

/// Its mixture of experts; the heads' dimensions follow from hidden_size.
const family qwen3_moe{
    .model_type = "qwen3_moe",
    .architecture = "Qwen3MoeForCausalLM",
    .vocab_size = 151936,
    .hidden_size = 2048,
    .intermediate_size = 6144,
    .layers = 24,
    .kv_heads = 4,
    .max_positions = 32768,
    .qkv_bias = family::has::if_asked,
    .output_bias = family::has::if_asked,
    .adapt = choose_experts,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    routing_plan routing = read_routing(fields, config, 8, 2);
    routing.normalised = true;
    for (layer_plan& layer : config.plan)
        use_experts(layer, routing, config.intermediate_size,
                    {.router = "block_sparse_moe.gate",
                     .experts = "block_sparse_moe.experts",
                     .gate = "w1",
                     .up = "w3",
                     .down = "w2"});
}

} // namespace

/// Mixtral (Jiang et al. 2024): Mistral of experts, and no window unless one is asked for.
const family mixtral{
    .model_type = "mixtral",
    .architecture = "MixtralForCausalLM",
    .intermediate_size = 14336,
    .kv_heads = 8,
    .max_positions = 131072,
    .norm_eps = 1e-5,
    .theta = 1e6,
    .window = family::has::always,
    .adapt = adapt,
};

} // namespace warmd::hf

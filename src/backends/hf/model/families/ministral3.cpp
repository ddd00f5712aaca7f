#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

/// Queries grow with their position's logarithm, as Llama 4's do.
void adapt(const json_place& fields, model_config& config)
{
    const auto rope = fields.object_if("rope_parameters");
    if (!rope || !rope->find("llama_4_scaling_beta"))
        return;
    config.query_growth = rope->positive("llama_4_scaling_beta");
    config.growth_period = rope->positive("original_max_position_embeddings");
}

} // namespace

/// Ministral 3 (Mistral AI 2025), the language models.
const family ministral3{
    .model_type = "ministral3",
    .architecture = "Ministral3ForCausalLM",
    .vocab_size = 131072,
    .intermediate_size = 14336,
    .layers = 34,
    .kv_heads = 8,
    .head_dim = 128,
    .max_positions = 262144,
    .norm_eps = 1e-5,
    .window = family::has::always,
    .adapt = adapt,
};

} // namespace warmd::hf

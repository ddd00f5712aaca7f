#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    const bool biased = fields.flag("use_bias", false);
    set_biases(config, {biased, biased, biased});
}

} // namespace

/// ERNIE 4.5 (Baidu 2025), the dense ones: Llama with neighbours in pairs.
const family ernie4_5{
    .model_type = "ernie4_5",
    .architecture = "Ernie4_5ForCausalLM",
    .vocab_size = 103424,
    .hidden_size = 1024,
    .intermediate_size = 3072,
    .layers = 18,
    .heads = 16,
    .kv_heads = 2,
    .head_dim = 128,
    .max_positions = 131072,
    .norm_eps = 1e-5,
    .theta = 500000,
    .tied = true,
    .rotates_neighbours = true,
    .adapt = adapt,
};

} // namespace warmd::hf

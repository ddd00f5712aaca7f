#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

void adapt(const json_place& fields, model_config& config)
{
    set_biases(config, {.qkv = fields.flag("attention_bias", true),
                        .output = fields.flag("attention_out_bias", false),
                        .mlp = fields.flag("mlp_bias", false)});
}

} // namespace

/// Seed-OSS (ByteDance Seed 2025): Llama with biases of queries, keys and values.
const family seed_oss{
    .model_type = "seed_oss",
    .architecture = "SeedOssForCausalLM",
    .vocab_size = 155136,
    .intermediate_size = 27648,
    .layers = 64,
    .heads = 80,
    .kv_heads = 8,
    .head_dim = 128,
    .max_positions = 524288,
    .adapt = adapt,
};

} // namespace warmd::hf

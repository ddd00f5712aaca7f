#include "hf/model/families/family.hpp"

namespace warmd::hf {

namespace {

/// Projections that share an input are one module, and so for adapters.
void fuse(const json_place&, model_config& config)
{
    for (layer_plan& layer : config.plan) {
        layer[linear_kind::qkv].parts = {
            {"self_attn.qkv_proj", config.q_width() + 2 * config.kv_width()}};
        layer[linear_kind::mlp_in].parts = {{"mlp.gate_up_proj", 2 * config.intermediate_size}};
    }
}

} // namespace

/// Phi-3, 3.5 and 4 (Abdin et al. 2024).
const family phi3{
    .model_type = "phi3",
    .architecture = "Phi3ForCausalLM",
    .vocab_size = 32064,
    .hidden_size = 3072,
    .intermediate_size = 8192,
    .max_positions = 4096,
    .norm_eps = 1e-5,
    .window = family::has::always,
    .adapt = fuse,
};

} // namespace warmd::hf

#include "hf/model/families/family.hpp"

#include <algorithm>

namespace warmd::hf {

const family* find_family(std::string_view model_type, std::string_view architecture)
{
    const auto found = std::ranges::find_if(families, [&](const family* each) {
        return model_type.empty() ? each->architecture == architecture
                                  : each->model_type == model_type;
    });
    return found == families.end() ? nullptr : *found;
}

std::string known_families()
{
    std::string all;
    for (const family* const each : families)
        all += (all.empty() ? "" : ", ") + std::string(each->model_type);
    return all;
}

void norm_heads(const json_place&, model_config& config)
{
    for (layer_plan& layer : config.plan) {
        layer[norm_place::of_queries] = {"self_attn.q_norm", config.head_dim};
        layer[norm_place::of_keys] = {"self_attn.k_norm", config.head_dim};
    }
}

void set_biases(model_config& config, const layer_biases& biases)
{
    for (layer_plan& layer : config.plan) {
        layer[linear_kind::qkv].bias = biases.qkv;
        layer[linear_kind::output].bias = biases.output;
        layer[linear_kind::mlp_in].bias = layer[linear_kind::mlp_out].bias = biases.mlp;
    }
}

void use_layer_norms(model_config& config, bool biased)
{
    config.norm = norm_kind::layer;
    config.norm_bias = biased;
}

void run_side_by_side(model_config& config)
{
    for (layer_plan& layer : config.plan) {
        layer[norm_place::before_mlp] = {};
        layer.branches.back().beside = true;
    }
}

void use_plain_mlp(model_config& config, const std::string& in, const std::string& out)
{
    for (layer_plan& layer : config.plan) {
        layer[linear_kind::mlp_in].parts = {{in, config.intermediate_size}};
        layer[linear_kind::mlp_in].strands = 1;
        layer[linear_kind::mlp_out].parts = {{out, config.hidden_size}};
        layer.branches.back().what = branch_plan::part::mlp;
    }
}

} // namespace warmd::hf

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

routing_plan read_routing(const json_place& fields, const model_config& config,
                          std::int64_t experts, std::int64_t chosen)
{
    constexpr std::int64_t most = 1 << 16; // of all layers; the largest models have a third of it
    const std::string_view name =
        fields.find("num_local_experts") ? "num_local_experts" : "num_experts";
    const std::int64_t all =
        fields.integer_or(name, experts, 1, most / static_cast<std::int64_t>(config.layers));
    return {static_cast<std::size_t>(all),
            static_cast<std::size_t>(
                fields.integer_or("num_experts_per_tok", std::min(chosen, all), 1, all))};
}

void use_experts(layer_plan& layer, const routing_plan& routing, std::size_t width,
                 const expert_names& names)
{
    const std::size_t hidden = layer[linear_kind::mlp_in].in;
    layer.linears.resize(linear_of(0, linear_kind::mlp_in));
    for (std::size_t expert = 0; expert != routing.experts; ++expert) {
        const std::string within = std::string(names.experts) + "." + std::to_string(expert) + ".";
        layer.linears.push_back({.in = hidden,
                                 .parts = {{within + std::string(names.gate), width},
                                           {within + std::string(names.up), width}},
                                 .strands = 2});
        layer.linears.push_back(
            {.in = width, .parts = {{within + std::string(names.down), hidden}}});
    }
    layer.linears.push_back(
        {.in = hidden, .parts = {{std::string(names.router), routing.experts}}});
    layer.routing = routing;
    layer.branches.back().what = branch_plan::part::experts;
}

} // namespace warmd::hf

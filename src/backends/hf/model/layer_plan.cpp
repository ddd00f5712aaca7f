#include "hf/model/layer_plan.hpp"

namespace warmd::hf {

std::size_t linear_shape::out() const
{
    std::size_t sum = 0;
    for (const part& each : parts)
        sum += each.out;
    return sum;
}

layer_plan plan_of(const model_config& config)
{
    using part = branch_plan::part;
    const std::size_t hidden = config.hidden_size, wide = config.intermediate_size;
    layer_plan plan;
    plan.norms = {{{"input_layernorm", hidden}, {"post_attention_layernorm", hidden}, {}, {}}};
    if (config.qk_norm) {
        plan.norms[static_cast<std::size_t>(norm_place::of_queries)] = {"self_attn.q_norm",
                                                                        config.head_dim};
        plan.norms[static_cast<std::size_t>(norm_place::of_keys)] = {"self_attn.k_norm",
                                                                     config.head_dim};
    }
    plan.linears = {{{hidden,
                      {{"self_attn.q_proj", config.q_width()},
                       {"self_attn.k_proj", config.kv_width()},
                       {"self_attn.v_proj", config.kv_width()}},
                      config.qkv_bias},
                     {config.q_width(), {{"self_attn.o_proj", hidden}}, config.output_bias},
                     {hidden, {{"mlp.gate_proj", wide}, {"mlp.up_proj", wide}}, config.mlp_bias, 2},
                     {wide, {{"mlp.down_proj", hidden}}, config.mlp_bias}}};
    plan.branches = {
        {part::attention, norm_place::before_attention, linear_kind::qkv, linear_kind::output},
        {part::gated_mlp, norm_place::before_mlp, linear_kind::gate_up, linear_kind::down}};
    return plan;
}

std::string module_path(std::size_t layer, const std::string& name)
{
    return "model.layers." + std::to_string(layer) + "." + name;
}

std::vector<linear_module> modules_of(const model_config& config)
{
    std::vector<linear_module> modules;
    const layer_plan plan = plan_of(config);
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        for (const linear_shape& shape : plan.linears)
            for (const linear_shape::part& part : shape.parts)
                modules.push_back({module_path(layer, part.name), shape.in, part.out});
    return modules;
}

} // namespace warmd::hf

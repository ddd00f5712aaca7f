#include "hf/model/layer_plan.hpp"

#include "hf/model/adapter.hpp"
#include "hf/model/model_config.hpp"
#include "hf/model/wrapper.hpp"

namespace warmd::hf {

std::size_t linear_shape::out() const
{
    std::size_t sum = 0;
    for (const part& each : parts)
        sum += each.out;
    return sum;
}

bool layer_plan::is_of_expert(std::size_t which) const
{
    return routing.experts != 0 && which >= linear_of(0, linear_kind::mlp_in) && which != router();
}

std::size_t layer_plan::weights_of_token() const
{
    std::size_t all = 0, of_experts = 0;
    for (std::size_t which = 0; which != linears.size(); ++which)
        (is_of_expert(which) ? of_experts : all) += linears[which].in * linears[which].out();
    return routing.experts == 0 ? all : all + of_experts / routing.experts * routing.chosen;
}

layer_plan llama_layer(const model_config& sizes, const layer_biases& biases)
{
    using part = branch_plan::part;
    using place = norm_place;
    const std::size_t hidden = sizes.hidden_size, wide = sizes.intermediate_size;
    layer_plan plan;
    plan[place::before_attention] = {"input_layernorm", hidden};
    plan[place::before_mlp] = {"post_attention_layernorm", hidden};
    plan.linears = {{hidden,
                     {{"self_attn.q_proj", sizes.q_width()},
                      {"self_attn.k_proj", sizes.kv_width()},
                      {"self_attn.v_proj", sizes.kv_width()}},
                     biases.qkv},
                    {sizes.q_width(), {{"self_attn.o_proj", hidden}}, biases.output},
                    {hidden, {{"mlp.gate_proj", wide}, {"mlp.up_proj", wide}}, biases.mlp, 2},
                    {wide, {{"mlp.down_proj", hidden}}, biases.mlp}};
    plan.branches = {{part::attention, place::before_attention, place::after_attention,
                      linear_kind::qkv, linear_kind::output},
                     {part::gated_mlp, place::before_mlp, place::after_mlp, linear_kind::mlp_in,
                      linear_kind::mlp_out}};
    return plan;
}

std::string module_path(const model_config& config, std::size_t layer, const std::string& name)
{
    return config.names.within(config.names.layers) + "." + std::to_string(layer) + "." + name;
}

std::vector<linear_module> modules_of(const model_config& config)
{
    std::vector<linear_module> modules;
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        for (const linear_shape& shape : config.plan[layer].linears)
            for (const linear_shape::part& part : shape.parts) {
                const std::string path = module_path(config, layer, part.name);
                modules.push_back(
                    {path, shape.in, part.out,
                     config.wrapped ? wrapped_spellings(path) : std::vector<std::string>()});
            }
    return modules;
}

} // namespace warmd::hf

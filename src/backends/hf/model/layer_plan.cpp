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
    if (layer == config.layers)
        return name;
    return config.names.within(config.names.layers) + "." + std::to_string(layer) + "." + name;
}

const std::vector<linear_shape>& linears_of(const model_config& config, std::size_t layer)
{
    return layer == config.layers ? config.head : config.plan[layer].linears;
}

std::vector<base_module> modules_of(const model_config& config)
{
    using kind = base_module::kind;
    std::vector<base_module> modules;
    const auto add = [&](base_module module) {
        if (config.wrapped)
            module.also = wrapped_spellings(module.path);
        modules.push_back(std::move(module));
    };
    const auto add_norm = [&](const std::string& path, std::size_t width) {
        add({.path = path, .out = width, .what = kind::norm, .bias = config.norm_bias});
    };
    const auto add_linears = [&](std::size_t layer, kind what) {
        for (const linear_shape& shape : linears_of(config, layer))
            for (const linear_shape::part& part : shape.parts)
                add({.path = module_path(config, layer, part.name),
                     .in = shape.in,
                     .out = part.out,
                     .what = what,
                     .bias = shape.bias});
    };
    add({.path = config.names.within(config.names.embedding),
         .in = config.vocab_size,
         .out = config.hidden_size,
         .what = kind::embedding});
    for (std::size_t layer = 0; layer != config.layers; ++layer) {
        for (const norm_shape& norm : config.plan[layer].norms)
            if (norm.width != 0)
                add_norm(module_path(config, layer, norm.name), norm.weights());
        add_linears(layer, kind::linear);
    }
    add_norm(config.names.within(config.names.final_norm), config.hidden_size);
    add_linears(config.layers, kind::output);
    return modules;
}

} // namespace warmd::hf

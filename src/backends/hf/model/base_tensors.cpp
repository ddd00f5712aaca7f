#include "hf/model/base_tensors.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace warmd::hf {

namespace {

result<void> visit_layer(const model_config& config, std::size_t layer, const tensor_visitor& visit)
{
    const layer_plan& plan = config.plan[layer];
    std::vector<std::pair<std::string, std::vector<std::uint64_t>>> tensors;
    for (const norm_shape& norm : plan.norms)
        if (norm.width != 0) {
            const std::string module = module_path(config, layer, norm.name);
            tensors.push_back({weight_of(module), {norm.width}});
            if (config.norm_bias)
                tensors.push_back({bias_of(module), {norm.width}});
        }
    for (const linear_shape& shape : plan.linears)
        for (const linear_shape::part& part : shape.parts) {
            const std::string module = module_path(config, layer, part.name);
            tensors.push_back({weight_of(module), {part.out, shape.in}});
            if (shape.transposed)
                std::ranges::reverse(tensors.back().second);
            if (shape.bias)
                tensors.push_back({bias_of(module), {part.out}});
        }
    for (auto& [name, shape] : tensors)
        if (auto good = visit(name, std::move(shape)); !good)
            return good;
    return {};
}

/// Tensors that some checkpoints carry and no model reads: frequencies, and masks of attention.
bool is_redundant(const std::string& tensor)
{
    static constexpr std::array<std::string_view, 5> endings{
        ".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias", ".attn.bias",
        ".attn.masked_bias"};
    return std::ranges::any_of(endings,
                               [&](std::string_view ending) { return tensor.ends_with(ending); });
}

} // namespace

std::string weight_of(const std::string& module) { return module + ".weight"; }
std::string bias_of(const std::string& module) { return module + ".bias"; }

bool has_own_output(const model_config& config, const checkpoint& file)
{
    return !config.tied_embeddings || file.find(weight_of(config.names.output));
}

result<void> visit_tensors(const model_config& config, const checkpoint& file,
                           const tensor_visitor& visit)
{
    const module_names& names = config.names;
    const std::uint64_t hidden = config.hidden_size, vocab = config.vocab_size;
    if (auto good = visit(weight_of(names.within(names.embedding)), {vocab, hidden}); !good)
        return good;
    if (!names.positions.empty())
        if (auto good =
                visit(weight_of(names.within(names.positions)), {config.max_positions, hidden});
            !good)
            return good;
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        if (auto good = visit_layer(config, layer, visit); !good)
            return good;
    const std::string final_norm = names.within(names.final_norm);
    if (auto good = visit(weight_of(final_norm), {hidden}); !good)
        return good;
    if (config.norm_bias)
        if (auto good = visit(bias_of(final_norm), {hidden}); !good)
            return good;
    if (config.output_bias)
        if (auto good = visit(bias_of(names.output), {vocab}); !good)
            return good;
    return has_own_output(config, file) ? visit(weight_of(names.output), {vocab, hidden})
                                        : result<void>();
}

result<void> check_tensors(const model_config& config, const checkpoint& file)
{
    std::set<std::string> expected;
    auto sound = visit_tensors(
        config, file, [&](const std::string& tensor, const std::vector<std::uint64_t>& shape) {
            expected.insert(tensor);
            return file.require(tensor, shape);
        });
    if (!sound)
        return sound;
    for (const std::string& tensor : file.names())
        if (!expected.contains(tensor) && !is_redundant(tensor))
            return failure{errc::load_failed,
                           file.file_of(tensor) + ": tensor " + shortened(tensor) +
                               " is not part of the model that config.json describes"};
    return {};
}

} // namespace warmd::hf

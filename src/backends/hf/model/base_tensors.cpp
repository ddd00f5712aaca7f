#include "hf/model/base_tensors.hpp"

#include "hf/model/wrapper.hpp"

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
            if (norm.heads != 0)
                tensors.back().second = {norm.heads, norm.width};
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

/// The base of a model may have been saved by itself, without the name that it has in the model.
std::string with_base(std::string_view tensor, const model_config& config)
{
    return tensor.starts_with(config.output_name() + ".")
               ? std::string(tensor)
               : config.names.within(std::string(tensor));
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
    return !config.tied_embeddings || file.find(weight_of(config.output_name()));
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
    if (config.head.at(0).bias)
        if (auto good = visit(bias_of(config.output_name()), {vocab}); !good)
            return good;
    return has_own_output(config, file) ? visit(weight_of(config.output_name()), {vocab, hidden})
                                        : result<void>();
}

result<checkpoint> open_base_tensors(const std::filesystem::path& directory,
                                     const model_config& config, const file_rules& rules)
{
    auto file = checkpoint::open(directory, rules);
    if (!file)
        return file;
    const std::string embedding = config.names.embedding + ".weight";
    const bool base_alone = file->find(embedding) && !file->find(config.names.within(embedding));
    result<void> renamed;
    if (config.wrapped)
        renamed = file->rename(unwrapped);
    else if (base_alone)
        renamed = file->rename([&](std::string_view tensor) { return with_base(tensor, config); });
    if (!renamed)
        return renamed.error();
    if (auto sound = check_tensors(config, *file); !sound)
        return sound.error();
    return file;
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

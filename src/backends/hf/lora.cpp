#include "lora.hpp"

#include "kernels.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace warmd::hf {

namespace {

/// One product's factors: for each of its parts that the adapter acts on, where its columns start.
struct grouped {
    struct member {
        const lora_factors* factors;
        std::size_t first_out;
    };
    std::vector<member> members;

    std::size_t rank() const
    {
        std::size_t sum = 0;
        for (const member& each : members)
            sum += each.factors->rank;
        return sum;
    }
};

using factor_index = std::unordered_map<std::string, const lora_factors*>;

factor_index index(const std::vector<lora_factors>& factors)
{
    factor_index by_path;
    for (const lora_factors& each : factors)
        by_path.emplace(each.module.path, &each);
    return by_path;
}

grouped group(const factor_index& by_path, const linear_shape& shape, std::size_t layer)
{
    grouped found;
    std::size_t first_out = 0;
    for (const linear_shape::part& part : shape.parts) {
        const auto at = by_path.find(module_path(layer, part.name));
        if (at != by_path.end())
            found.members.push_back({at->second, first_out});
        first_out += part.out;
    }
    return found;
}

/// The outputs of x A^T, padded to what products of few rows need (matmul_engine::most_padding).
std::size_t outputs_for(std::size_t rank) { return std::max(rank, matmul_engine::enough_outputs); }

std::vector<float> transposed(const std::vector<float>& matrix, std::size_t rows, std::size_t columns)
{
    std::vector<float> turned(matrix.size());
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t c = 0; c != columns; ++c)
            turned[c * rows + r] = matrix[r * columns + c];
    return turned;
}

result<lora_linear> pack_linear(const grouped& group, const linear_shape& shape, precision computes, const factor_source& source,
                                compute_gate& gate)
{
    lora_linear made;
    std::vector<float> all_a;
    std::size_t first_rank = 0;
    for (const auto& [factors, first_out] : group.members) {
        const auto a = source(factors->a_name, factors->rank * shape.in);
        if (!a)
            return a.error();
        all_a.insert(all_a.end(), a->begin(), a->end());
        const auto b = source(factors->b_name, factors->module.out * factors->rank);
        if (!b)
            return b.error();
        made.parts.push_back({.first_out = first_out,
                              .out = factors->module.out,
                              .first_rank = first_rank,
                              .rank = factors->rank,
                              .scaling = static_cast<float>(factors->scaling),
                              .b = transposed(*b, factors->module.out, factors->rank)});
        first_rank += factors->rank;
    }
    if (first_rank == 0)
        return made;
    all_a.resize(outputs_for(first_rank) * shape.in); // more rows of zeros
    made.a = gate.enter().engine().pack(std::as_bytes(std::span(all_a)), stored_as::fp32, shape.in,
                                        outputs_for(first_rank), computes);
    return made;
}

/// 64-bit FNV-1a.
std::uint64_t hash_of(const std::string& text)
{
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

} // namespace

std::uint64_t lora_weights::bytes() const
{
    std::uint64_t sum = 0;
    for (const auto& layer : layers)
        for (const lora_linear& each : layer) {
            sum += each.a.bytes();
            for (const lora_linear::part& part : each.parts)
                sum += part.b.size() * sizeof(float);
        }
    return sum;
}

result<lora_weights> pack_lora(const model_config& config, precision computes, const std::vector<lora_factors>& factors,
                               const factor_source& source, compute_gate& gate)
{
    const factor_index by_path = index(factors);
    const auto shapes = linear_shapes(config);
    lora_weights made;
    made.layers.resize(config.layers);
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        for (std::size_t kind = 0; kind != linear_kinds; ++kind) {
            auto packed = pack_linear(group(by_path, shapes[kind], layer), shapes[kind], computes, source, gate);
            if (!packed)
                return packed.error();
            made.layers[layer][kind] = std::move(*packed);
        }
    return made;
}

std::uint64_t estimate_bytes(const model_config& config, precision computes, const std::vector<lora_factors>& factors,
                             compute_gate& gate)
{
    const factor_index by_path = index(factors);
    const auto turn = gate.enter();
    std::uint64_t sum = 0;
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        for (const linear_shape& shape : linear_shapes(config)) {
            const grouped found = group(by_path, shape, layer);
            for (const auto& member : found.members)
                sum += member.factors->rank * member.factors->module.out * sizeof(float);
            sum += found.members.empty() ? 0 : turn.engine().packed_bytes(shape.in, outputs_for(found.rank()), computes);
        }
    return sum;
}

std::size_t largest_fused_rank(const model_config& config, const std::vector<lora_factors>& factors)
{
    const factor_index by_path = index(factors);
    std::size_t largest = 0;
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        for (const linear_shape& shape : linear_shapes(config))
            largest = std::max(largest, group(by_path, shape, layer).rank());
    return largest;
}

std::vector<float> null_draws(const view& null, const std::string& tensor, std::size_t elements)
{
    std::vector<float> values(elements);
    draw_normal(hash_of(tensor + '\n' + std::to_string(null.seed)), values.data(), elements);
    const double spread = null.init_scale * std::sqrt(null.rank_scale);
    for (float& value : values)
        value = static_cast<float>(static_cast<double>(value) * spread);
    return values;
}

} // namespace warmd::hf

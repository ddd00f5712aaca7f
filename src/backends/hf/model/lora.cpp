#include "hf/model/lora.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

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

grouped group(const factor_index& by_path, const model_config& config, std::size_t layer,
              std::size_t which)
{
    grouped found;
    std::size_t first_out = 0;
    for (const linear_shape::part& part : config.plan[layer].linears[which].parts) {
        const auto at = by_path.find(module_path(config, layer, part.name));
        if (at != by_path.end())
            found.members.push_back({at->second, first_out});
        first_out += part.out;
    }
    return found;
}

/// to [columns, rows] = from [rows, columns]
void transpose(const std::vector<float>& from, std::size_t rows, std::size_t columns, float* to)
{
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t c = 0; c != columns; ++c)
            to[c * rows + r] = from[r * columns + c];
}

/// Gives each factor its place; none is filled yet.
lora_linear lay_out(const grouped& group, std::size_t in, float*& memory)
{
    lora_linear made{.ranks = group.rank(), .a = memory};
    memory += made.ranks * in;
    std::size_t first_rank = 0;
    for (const auto& [factors, first_out] : group.members) {
        made.parts.push_back({.first_out = first_out,
                              .out = factors->module.out,
                              .first_rank = first_rank,
                              .rank = factors->rank,
                              .scaling = static_cast<float>(factors->scaling),
                              .b = memory});
        first_rank += factors->rank;
        memory += factors->rank * factors->module.out;
    }
    return made;
}

result<void> fill(const lora_linear& linear, const grouped& group, std::size_t in,
                  const factor_source& source)
{
    std::vector<float> b;
    for (std::size_t i = 0; i != linear.parts.size(); ++i) {
        const lora_linear::part& part = linear.parts[i];
        if (auto a = source(group.members[i].factors->a_name,
                            {linear.a + part.first_rank * in, part.rank * in});
            !a)
            return a;
        b.resize(part.out * part.rank);
        if (auto got = source(group.members[i].factors->b_name, b); !got)
            return got;
        transpose(b, part.out, part.rank, part.b);
    }
    return {};
}

std::size_t elements_of(const std::vector<lora_factors>& factors)
{
    std::size_t sum = 0;
    for (const lora_factors& each : factors)
        sum += each.rank * (each.module.in + each.module.out);
    return sum;
}

void scale(std::span<float> values, double by)
{
    for (float& value : values)
        value = static_cast<float>(static_cast<double>(value) * by);
}

/// In fp64; four sums side by side, since one waits for itself.
double dot(std::span<const float> x, std::span<const float> y)
{
    double sums[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= x.size(); i += 4)
        for (std::size_t lane = 0; lane != 4; ++lane)
            sums[lane] += static_cast<double>(x[i + lane]) * static_cast<double>(y[i + lane]);
    for (; i != x.size(); ++i)
        sums[0] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return sums[0] + sums[1] + sums[2] + sums[3];
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

result<lora_weights> arrange_lora(const model_config& config,
                                  const std::vector<lora_factors>& factors,
                                  const factor_source& source, thread_team& team)
{
    const factor_index by_path = index(factors);
    lora_weights made{
        .layers = {}, .memory = memory_block(elements_of(factors) * sizeof(float)), .tiles = {}};
    auto* place = reinterpret_cast<float*>(made.memory.data());
    for (std::size_t layer = 0; layer != config.layers; ++layer) {
        const std::vector<linear_shape>& shapes = config.plan[layer].linears;
        std::vector<lora_linear>& linears = made.layers.emplace_back();
        for (std::size_t which = 0; which != shapes.size(); ++which)
            linears.push_back(
                lay_out(group(by_path, config, layer, which), shapes[which].in, place));
    }

    std::vector<result<void>> filled(config.layers);
    team.for_each(config.layers, elements_of(factors), [&](std::size_t layer) {
        const std::vector<lora_linear>& linears = made.layers[layer];
        for (std::size_t which = 0; which != linears.size() && filled[layer]; ++which)
            filled[layer] = fill(linears[which], group(by_path, config, layer, which),
                                 config.plan[layer].linears[which].in, source);
    });
    for (const result<void>& each : filled)
        if (!each)
            return each.error();
    return made;
}

std::uint64_t estimate_bytes(const std::vector<lora_factors>& factors)
{
    return memory_block::rounded(elements_of(factors) * sizeof(float));
}

void null_draws(const view& null, const std::string& tensor, std::span<float> values)
{
    draw_normal(hash_of(tensor + '\n' + std::to_string(null.seed)), values.data(), values.size());
    if (null.match)
        return;
    scale(values, null.init_scale * std::sqrt(null.rank_scale));
}

/// ||BA||^2 = tr((A A^T)(B^T B)).
double update_norm(const lora_linear& linear, const lora_linear::part& part, std::size_t in)
{
    const float* const a = linear.a + part.first_rank * in;
    double sum = 0;
    for (std::size_t i = 0; i != part.rank; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
            const double both =
                dot({a + i * in, in}, {a + j * in, in}) *
                dot({part.b + i * part.out, part.out}, {part.b + j * part.out, part.out});
            sum += i == j ? both : 2 * both; // both Gram matrices are symmetric
        }
    return std::sqrt(std::max(0.0, sum));
}

void match_norms(const model_config& config, lora_weights& drawn, const lora_weights& adapter,
                 thread_team& team)
{
    const auto match = [](lora_linear& mine, const lora_linear& like, std::size_t in) {
        for (std::size_t i = 0; i != mine.parts.size(); ++i) {
            const lora_linear::part& part = mine.parts[i];
            const double wanted = update_norm(like, like.parts[i], in);
            const double found = wanted > 0 ? update_norm(mine, part, in) : 1;
            const double by = std::sqrt(wanted / found);
            scale({mine.a + part.first_rank * in, part.rank * in}, by);
            scale({part.b, part.rank * part.out}, by);
        }
    };
    team.for_each(config.layers, drawn.memory.bytes(), [&](std::size_t layer) {
        std::vector<lora_linear>& linears = drawn.layers[layer];
        for (std::size_t which = 0; which != linears.size(); ++which)
            match(linears[which], adapter.layers[layer][which],
                  config.plan[layer].linears[which].in);
    });
}

} // namespace warmd::hf

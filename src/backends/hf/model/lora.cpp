#include "hf/model/lora.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

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
    for (const linear_shape::part& part : linears_of(config, layer)[which].parts) {
        const auto at = by_path.find(module_path(config, layer, part.name));
        if (at != by_path.end())
            found.members.push_back({at->second, first_out});
        first_out += part.out;
    }
    return found;
}

/// The embedding's factors are one such group.
grouped group_of_embedding(const factor_index& by_path, const model_config& config)
{
    const auto at = by_path.find(config.names.within(config.names.embedding));
    return at == by_path.end() ? grouped{} : grouped{{{at->second, 0}}};
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
    const auto take = [&](std::size_t floats) { return std::exchange(memory, memory + floats); };
    lora_linear made{.ranks = group.rank(), .a = take(group.rank() * in)};
    std::size_t first_rank = 0;
    for (const auto& [factors, first_out] : group.members) {
        const std::size_t out = factors->module.out;
        lora_linear::part part{.first_out = first_out,
                               .out = out,
                               .first_rank = first_rank,
                               .rank = factors->rank,
                               .scaling = static_cast<float>(factors->scaling),
                               .b = take(factors->rank * out)};
        if (!factors->b_bias_name.empty())
            part.bias = take(out);
        if (!factors->magnitude_name.empty())
            part.dora = dora_norms(take(dora_norms::floats(out)), out);
        made.parts.push_back(part);
        first_rank += factors->rank;
    }
    return made;
}

/// A tensor to `to`; if it is turned, it is [rows, columns] and becomes [columns, rows].
result<void> read(const factor_source& source, const std::string& tensor, float* to, bool turned,
                  std::size_t rows, std::size_t columns)
{
    if (!turned)
        return source(tensor, {to, rows * columns});
    std::vector<float> values(rows * columns);
    auto got = source(tensor, values);
    if (got)
        transpose(values, rows, columns, to);
    return got;
}

result<void> fill(const lora_linear& linear, const grouped& group, std::size_t in,
                  const factor_source& source)
{
    for (std::size_t i = 0; i != linear.parts.size(); ++i) {
        const lora_linear::part& part = linear.parts[i];
        const lora_factors& from = *group.members[i].factors;
        float* const a = linear.a + part.first_rank * in;
        if (auto got = read(source, from.a_name, a, from.transposed, in, part.rank); !got)
            return got;
        if (auto got = read(source, from.b_name, part.b, !from.transposed, part.out, part.rank);
            !got)
            return got;
        if (part.bias)
            if (auto got = source(from.b_bias_name, {part.bias, part.out}); !got)
                return got;
        if (part.dora)
            if (auto got = source(from.magnitude_name, {part.dora.magnitudes, part.out}); !got)
                return got;
    }
    return {};
}

/// The same, and A transposed: what a token adds stands in one place.
result<void> fill_embedding(const lora_linear& embedding, const grouped& group, std::size_t vocab,
                            const factor_source& source)
{
    auto filled = fill(embedding, group, vocab, source);
    if (!filled || embedding.parts.empty())
        return filled;
    const std::vector<float> a(embedding.a, embedding.a + embedding.ranks * vocab);
    transpose(a, embedding.ranks, vocab, embedding.a);
    return {};
}

std::size_t elements_of(const std::vector<lora_factors>& factors)
{
    std::size_t sum = 0;
    for (const lora_factors& each : factors) {
        sum += each.rank * (each.module.in + each.module.out);
        sum += each.b_bias_name.empty() ? 0 : each.module.out;
        sum += each.magnitude_name.empty() ? 0 : dora_norms::floats(each.module.out);
    }
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
    lora_weights made{.layers = {},
                      .embedding = {},
                      .memory = memory_block(elements_of(factors) * sizeof(float)),
                      .tiles = {}};
    auto* place = reinterpret_cast<float*>(made.memory.data());
    for (std::size_t layer = 0; layer <= config.layers; ++layer) {
        const std::vector<linear_shape>& shapes = linears_of(config, layer);
        std::vector<lora_linear>& linears = made.layers.emplace_back();
        for (std::size_t which = 0; which != shapes.size(); ++which)
            linears.push_back(
                lay_out(group(by_path, config, layer, which), shapes[which].in, place));
    }
    const grouped embedding = group_of_embedding(by_path, config);
    made.embedding = lay_out(embedding, config.vocab_size, place);
    if (auto filled = fill_embedding(made.embedding, embedding, config.vocab_size, source); !filled)
        return filled.error();

    std::vector<result<void>> filled(made.layers.size());
    team.for_each(filled.size(), elements_of(factors), [&](std::size_t layer) {
        const std::vector<lora_linear>& linears = made.layers[layer];
        for (std::size_t which = 0; which != linears.size() && filled[layer]; ++which)
            filled[layer] = fill(linears[which], group(by_path, config, layer, which),
                                 linears_of(config, layer)[which].in, source);
    });
    for (const result<void>& each : filled)
        if (!each)
            return each.error();
    return made;
}

bool lora_weights::is_plain() const
{
    const auto plain = [](const lora_linear& each) {
        return std::ranges::none_of(each.parts, [](const lora_linear::part& part) {
            return part.bias != nullptr || part.dora;
        });
    };
    return !replaced && embedding.parts.empty() &&
           std::ranges::all_of(layers, [&](const std::vector<lora_linear>& layer) {
               return std::ranges::all_of(layer, plain);
           });
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
    team.for_each(drawn.layers.size(), drawn.memory.bytes(), [&](std::size_t layer) {
        std::vector<lora_linear>& linears = drawn.layers[layer];
        for (std::size_t which = 0; which != linears.size(); ++which)
            match(linears[which], adapter.layers[layer][which],
                  linears_of(config, layer)[which].in);
    });
}

} // namespace warmd::hf

#include "hf/model/dora.hpp"

#include "hf/compute/activations.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/base_tensors.hpp"
#include "hf/model/lora.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace warmd::hf {

namespace {

/// The sums of the squares of a matrix's rows, or of its columns if it is stored transposed.
result<void> sum_squares(const checkpoint& file, const std::string& tensor, std::size_t out,
                         std::size_t in, bool transposed, float* sums)
{
    const std::size_t width = transposed ? out : in, rows = transposed ? in : out;
    std::vector<double> sum(out);
    std::vector<float> row(width);
    for (std::size_t r = 0; r != rows; ++r) {
        if (auto got = file.read(tensor, r * width, row); !got)
            return got;
        for (std::size_t c = 0; c != width; ++c)
            sum[transposed ? c : r] += static_cast<double>(row[c]) * static_cast<double>(row[c]);
    }
    std::ranges::transform(sum, sums, [](double each) { return static_cast<float>(each); });
    return {};
}

bool has_dora(const lora_linear& linear)
{
    return std::ranges::any_of(linear.parts,
                               [](const lora_linear::part& part) { return bool(part.dora); });
}

/// A W^T [ranks, out] of a product whose factors these are.
std::vector<float> products_with_base(const packed_matrix& matrix, const weight_format& computes,
                                      const lora_linear& linear, matmul_engine& engine)
{
    const matrix_shape& shape = matrix.shape();
    std::vector<float> products(linear.ranks * shape.out);
    const std::size_t most = std::min(linear.ranks, matmul_engine::most_rows),
                      room = most + matmul_engine::most_padding;
    const memory_block memory(activations::bytes(room, shape.in, computes));
    block_cutter cut(memory);
    activations rows(cut, room, shape.in, computes);
    for (std::size_t first = 0; first < linear.ranks; first += most) {
        const std::size_t count = std::min(most, linear.ranks - first);
        for (std::size_t r = 0; r != count; ++r)
            rows.put(r, 0, linear.a + (first + r) * shape.in, shape.in);
        engine.prepare(matrix, count);
        engine.team().run(engine.team().size(), [&](const team_member& me) {
            engine.multiply(
                matrix, rows.from(0), {me.index, 0, count, me.index, me.size},
                [&](const product_tile& tile) {
                    for (std::size_t strand = 0; strand != shape.strands; ++strand)
                        for (std::size_t i = 0; i != tile.rows; ++i)
                            std::copy_n(
                                tile.strands[strand] + i * tile.stride, tile.outs,
                                &products[(first + tile.first_row + i) * shape.out +
                                          strand * (shape.out / shape.strands) + tile.first_out]);
                });
        });
    }
    return products;
}

/// A A^T [rank, rank] of one part.
std::vector<double> products_of_factors(const float* a, std::size_t rank, std::size_t in)
{
    std::vector<double> products(rank * rank);
    for (std::size_t r = 0; r != rank; ++r)
        for (std::size_t q = 0; q <= r; ++q) {
            double sum = 0;
            for (std::size_t i = 0; i != in; ++i)
                sum += static_cast<double>(a[r * in + i]) * static_cast<double>(a[q * in + i]);
            products[r * rank + q] = products[q * rank + r] = sum;
        }
    return products;
}

/// `with_base` are rows of A W^T, of the part's first output on, `stride` apart.
void measure(const lora_linear::part& part, const std::vector<double>& of_factors,
             const float* with_base, std::size_t stride)
{
    for (std::size_t i = 0; i != part.out; ++i) {
        double crossed = 0, squared = 0;
        for (std::size_t r = 0; r != part.rank; ++r) {
            double sum = 0;
            for (std::size_t q = 0; q != part.rank; ++q)
                sum +=
                    of_factors[r * part.rank + q] * static_cast<double>(part.b[q * part.out + i]);
            const auto b = static_cast<double>(part.b[r * part.out + i]);
            crossed += b * static_cast<double>(with_base[r * stride + i]);
            squared += b * sum;
        }
        part.dora.crossed[i] = static_cast<float>(crossed);
        part.dora.of_update[i] = static_cast<float>(squared);
    }
}

} // namespace

void dora_norms::factors(double scaling, std::size_t first, std::size_t count, float* to) const
{
    for (std::size_t i = 0; i != count; ++i) {
        const std::size_t at = first + i;
        const double squared = static_cast<double>(of_base[at]) +
                               scaling * (2 * static_cast<double>(crossed[at]) +
                                          scaling * static_cast<double>(of_update[at]));
        to[i] = static_cast<float>(static_cast<double>(magnitudes[at]) / std::sqrt(squared));
    }
}

result<void> measure_base(const model_config& config, const checkpoint& base, lora_weights& weights)
{
    for (std::size_t layer = 0; layer != weights.layers.size(); ++layer)
        for (std::size_t which = 0; which != weights.layers[layer].size(); ++which) {
            const linear_shape& shape = linears_of(config, layer)[which];
            for (const lora_linear::part& part : weights.layers[layer][which].parts) {
                if (!part.dora)
                    continue;
                std::size_t at = 0, first_out = 0;
                while (first_out != part.first_out)
                    first_out += shape.parts[at++].out;
                const bool is_tied = layer == config.layers && !has_own_output(config, base);
                const std::string module = is_tied
                                               ? config.names.within(config.names.embedding)
                                               : module_path(config, layer, shape.parts[at].name);
                if (auto got = sum_squares(base, weight_of(module), part.out, shape.in,
                                           shape.transposed, part.dora.of_base);
                    !got)
                    return got;
            }
        }
    return {};
}

void measure_updates(const base_weights& base, compute_gate& gate, lora_weights& weights)
{
    for (std::size_t layer = 0; layer != weights.layers.size(); ++layer)
        for (std::size_t which = 0; which != weights.layers[layer].size(); ++which) {
            const lora_linear& linear = weights.layers[layer][which];
            if (!has_dora(linear))
                continue;
            const packed_matrix& matrix = base.at(layer, which).matrix;
            const std::vector<float> with_base = [&] {
                const auto turn = gate.enter();
                return products_with_base(matrix, base.computes, linear, turn.engine());
            }();
            const auto [in, out, strands] = matrix.shape();
            for (const lora_linear::part& part : linear.parts)
                if (part.dora)
                    measure(part,
                            products_of_factors(linear.a + part.first_rank * in, part.rank, in),
                            &with_base[part.first_rank * out + part.first_out], out);
        }
}

void keep_undrawn(const lora_weights& from, lora_weights& to)
{
    to.replaced = from.replaced;
    for (std::size_t layer = 0; layer != to.layers.size(); ++layer)
        for (std::size_t which = 0; which != to.layers[layer].size(); ++which)
            for (std::size_t i = 0; i != to.layers[layer][which].parts.size(); ++i) {
                const lora_linear::part &kept = from.layers[layer][which].parts[i],
                                        &drawn = to.layers[layer][which].parts[i];
                if (!kept.dora)
                    continue;
                std::copy_n(kept.dora.magnitudes, kept.out, drawn.dora.magnitudes);
                std::copy_n(kept.dora.of_base, kept.out, drawn.dora.of_base);
            }
}

} // namespace warmd::hf

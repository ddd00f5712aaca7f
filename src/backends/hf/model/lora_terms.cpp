#include "hf/model/lora_terms.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/model/lora_amx.hpp"

#include <algorithm>
#include <array>

namespace warmd::hf {

namespace {

/// Most floats' room that a row of one of the adapter's products x A^T takes.
std::size_t most_ranks(const lora_weights& adapter)
{
    std::size_t most = 0;
    for (const auto& layer : adapter.layers)
        for (const lora_linear& each : layer)
            most = std::max(most, each.a_tiles ? reduced_bytes(each) / sizeof(float) : each.ranks);
    return most;
}

} // namespace

float* own_row(std::size_t width)
{
    thread_local std::vector<float> row;
    row.resize(std::max(row.size(), width));
    return row.data();
}

void lora_terms::make_room(const lora_weights& adapter, std::size_t most_rows)
{
    reduced_.resize(std::max(reduced_.size(), most_ranks(adapter) * most_rows));
    bytes_ = reduced_.capacity() * sizeof(float);
}

void lora_terms::begin(const step_rows& rows, std::size_t most_rows)
{
    ranks_ = 0;
    const lora_weights* last = nullptr;
    for (const step_row& each : rows.all())
        if (each.through.adapter && each.through.adapter != last) {
            last = each.through.adapter;
            ranks_ = std::max(ranks_, most_ranks(*last));
            make_room(*last, most_rows);
        }
}

void lora_terms::reduce(std::span<const step_row> rows, std::size_t layer, std::size_t which,
                        const activations& x, row_range mine)
{
    if (ranks_ == 0)
        return;
    for (std::size_t from = mine.first, to = from; from != mine.last; from = to) {
        to = end_of_lens(rows, from, mine.last);
        const lens& through = rows[from].through;
        if (!through.adapter)
            continue;
        const lora_linear& by = through.adapter->layers[layer][which];
        if (by.parts.empty())
            continue;
        if (by.a_tiles)
            reduce_by_amx(by, reinterpret_cast<const std::uint16_t*>(x.from(from)), x.width(),
                          to - from, through.scale,
                          reinterpret_cast<std::byte*>(&reduced_[from * ranks_]),
                          ranks_ * sizeof(float));
        else
            reduce_in_fp32(by, x, {from, to});
    }
}

void lora_terms::reduce_in_fp32(const lora_linear& by, const activations& x, row_range rows)
{
    const std::size_t in = x.width();
    float* const room = own_row(reduced_rows * in);
    for (std::size_t from = rows.first; from < rows.last; from += reduced_rows) {
        std::array<const float*, reduced_rows> inputs{};
        std::array<float*, reduced_rows> outputs{};
        for (std::size_t t = 0; t != reduced_rows; ++t) { // the last one is repeated
            const std::size_t i = std::min(from + t, rows.last - 1);
            inputs[t] = x.row(i, room + t * in);
            outputs[t] = &reduced_[i * ranks_];
        }
        hf::reduce(inputs, by.a, in, by.ranks, outputs);
    }
}

void lora_terms::add_to(std::span<const step_row> rows, std::size_t layer, std::size_t which,
                        row_range some, std::size_t first_out, std::size_t outs, float* y,
                        std::size_t y_stride) const
{
    for (std::size_t r = some.first, to = r; r != some.last; r = to) {
        to = end_of_lens(rows, r, some.last);
        const lens& through = rows[r].through;
        if (!through.adapter)
            continue;
        for (const lora_linear::part& part : through.adapter->layers[layer][which].parts) {
            const std::size_t from = std::max(first_out, part.first_out);
            const std::size_t end = std::min(first_out + outs, part.first_out + part.out);
            if (from >= end)
                continue;
            const std::size_t first = from - part.first_out, count = end - from;
            float* const here = y + (r - some.first) * y_stride + (from - first_out);
            add_part(part, through.scale, {r, to}, first, count, here, y_stride);
            if (part.bias || part.dora)
                finish_part(part, through.scale, to - r, first, count, here, y_stride);
        }
    }
}

/// Adds columns [first, first + count) of a part to rows of y, y_stride apart.
void lora_terms::add_part(const lora_linear::part& part, double scale, row_range rows,
                          std::size_t first, std::size_t count, float* y,
                          std::size_t y_stride) const
{
    if (part.b_tiles) {
        add_by_amx(part, reinterpret_cast<const std::byte*>(&reduced_[rows.first * ranks_]),
                   ranks_ * sizeof(float), rows.last - rows.first, first, count, y, y_stride);
        return;
    }
    const auto factor = static_cast<float>(static_cast<double>(part.scaling) * scale);
    for (std::size_t r = rows.first; r != rows.last; ++r, y += y_stride)
        add_product(&reduced_[r * ranks_ + part.first_rank], part.b + first, part.rank, part.out,
                    factor, y, count);
}

/// What LoRA's variants do to such columns.
void lora_terms::finish_part(const lora_linear::part& part, double scale, std::size_t rows,
                             std::size_t first, std::size_t count, float* y,
                             std::size_t y_stride) const
{
    const double scaling = static_cast<double>(part.scaling) * scale;
    float* const factors = own_row(count);
    if (part.dora)
        part.dora.factors(scaling, first, count, factors);
    for (std::size_t r = 0; r != rows; ++r, y += y_stride) {
        if (part.bias)
            add_scaled(part.bias + first, static_cast<float>(scaling), y, count);
        if (part.dora)
            for (std::size_t i = 0; i != count; ++i)
                y[i] *= factors[i];
    }
}

void add_embedded(const lens& through, token_id token, std::span<float> row)
{
    if (!through.adapter)
        return;
    const lora_linear& by = through.adapter->embedding;
    for (const lora_linear::part& part : by.parts)
        add_product(by.a + static_cast<std::size_t>(token) * by.ranks, part.b, part.rank, part.out,
                    static_cast<float>(static_cast<double>(part.scaling) * through.scale),
                    row.data(), row.size());
}

} // namespace warmd::hf

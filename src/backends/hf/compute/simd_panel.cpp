#include "hf/compute/simd_panel.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/quantized_unit.hpp"
#include "hf/compute/stored_numbers.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace warmd::hf {

namespace {

template <class Number>
const Number* numbers_at(const std::byte* from)
{
    return reinterpret_cast<const Number*>(from);
}

// Numbers as a panel keeps them.
const float* converted(const std::byte* from, stored_as type, std::size_t count,
                       std::vector<float>& room)
{
    return in_fp32(from, type, count, room);
}

/// In bf16: where they are, or rounded in `room`.
const std::uint16_t* converted(const std::byte* from, stored_as type, std::size_t count,
                               std::vector<std::uint16_t>& room)
{
    if (type == stored_as::bf16)
        return numbers_at<std::uint16_t>(from);
    thread_local std::vector<float> wide;
    room.resize(std::max(room.size(), count));
    round_to_bf16(in_fp32(from, type, count, wide), room.data(), count);
    return room.data();
}

/// Blocks of weights, in whatever form, that rows of these numbers are multiplied with.
template <class Number>
class simd_packed final : public packed_panel {
public:
    simd_packed(product_kernel<Number> by, std::size_t in, std::size_t outs,
                const std::byte* blocks)
        : multiply_(by), in_(in), outs_(outs), blocks_(blocks)
    {
    }
    void multiply(const std::byte* x, std::size_t rows, const tile_room& room) const override
    {
        multiply_(numbers_at<Number>(x), rows, blocks_, in_, outs_, room.result(), outs_);
    }

private:
    product_kernel<Number> multiply_;
    std::size_t in_, outs_;
    const std::byte* blocks_;
};

/// Of rows and weights of these numbers.
template <class Number, class Weight = Number>
class simd_panel final : public panel_layout {
public:
    simd_panel(std::size_t in, std::size_t outs, std::size_t block, product_kernel<Number> multiply)
        : in_(in), outs_(outs), block_(block), multiply_(multiply)
    {
    }
    std::uint64_t bytes() const override
    {
        return (outs_ + block_ - 1) / block_ * block_ * height() * sizeof(Weight);
    }
    std::uint64_t prepare(std::size_t, std::size_t) override { return 0; }
    std::unique_ptr<const packed_panel> pack(const std::byte* weights, stored_as type,
                                             std::byte* to) const override
    {
        thread_local std::vector<Weight> room;
        auto* const blocks = reinterpret_cast<Weight*>(to);
        for (std::size_t o = 0; o < outs_; o += block_) {
            const std::size_t columns = std::min(block_, outs_ - o);
            transpose(converted(weights + o * in_ * size_of(type), type, columns * in_, room),
                      columns, blocks + o * height());
        }
        return std::make_unique<simd_packed<Number>>(multiply_, in_, outs_, to);
    }

private:
    /// Inputs that stand together in a block.
    static constexpr std::size_t unit = sizeof(float) / sizeof(Number);
    std::size_t height() const { return (in_ + unit - 1) / unit * unit; }

    /// Rows [columns, in] to one block, a cache line of each at a time.
    void transpose(const Weight* rows, std::size_t columns, Weight* block) const
    {
        constexpr std::size_t line = 64 / sizeof(Weight);
        if (columns != block_ || height() != in_)
            std::fill_n(block, height() * block_, Weight{});
        for (std::size_t first = 0; first < in_; first += line)
            for (std::size_t o = 0; o != columns; ++o)
                for (std::size_t i = first; i != std::min(first + line, in_); ++i)
                    block[(i / unit * block_ + o) * unit + i % unit] = rows[o * in_ + i];
    }

    std::size_t in_, outs_, block_;
    product_kernel<Number> multiply_;
};

/// A block's units, whose columns are written one by one.
struct int8_block {
    using unit = int8_unit;
    static constexpr std::size_t bytes = sizeof unit::scale + quantized_inputs; // a column

    static void put(const unit& what, std::byte* block, std::size_t columns, std::size_t column)
    {
        reinterpret_cast<std::uint16_t*>(block)[column] = what.scale;
        std::byte* const q = block + columns * sizeof what.scale + column;
        for (std::size_t i = 0; i != quantized_inputs; ++i)
            q[i * columns] = static_cast<std::byte>(what.q[i]);
    }
};
struct int4_block {
    using unit = int4_unit;
    static constexpr std::size_t bytes =
        sizeof unit::scale + sizeof unit::minimum + quantized_inputs / 2;

    static void put(const unit& what, std::byte* block, std::size_t columns, std::size_t column)
    {
        reinterpret_cast<std::uint16_t*>(block)[column] = what.scale;
        reinterpret_cast<std::uint16_t*>(block)[columns + column] = what.minimum;
        std::byte* const pairs = block + 2 * columns * sizeof what.scale + column;
        for (std::size_t pair = 0; pair != what.q.size(); ++pair)
            pairs[pair * columns] = static_cast<std::byte>(what.q[pair]);
    }
};

/// Of rows in fp32 and weights in units.
template <class Block>
class quantized_panel final : public panel_layout {
public:
    quantized_panel(std::size_t in, std::size_t outs, std::size_t block,
                    product_kernel<float> multiply)
        : in_(in), outs_(outs), block_(block), multiply_(multiply)
    {
    }
    std::uint64_t bytes() const override
    {
        return (outs_ + block_ - 1) / block_ * units() * unit_bytes();
    }
    std::uint64_t prepare(std::size_t, std::size_t) override { return 0; }
    std::unique_ptr<const packed_panel> pack(const std::byte* weights, stored_as type,
                                             std::byte* to) const override
    {
        std::fill_n(to, bytes(), std::byte{}); // columns that are not there
        thread_local std::vector<float> room;
        for (std::size_t o = 0; o != outs_; ++o) {
            const float* const row = in_fp32(weights + o * in_ * size_of(type), type, in_, room);
            for (std::size_t u = 0; u != units(); ++u) {
                typename Block::unit made;
                const std::size_t first = u * quantized_inputs;
                quantize({row + first, std::min(quantized_inputs, in_ - first)}, made);
                Block::put(made, to + (o / block_ * units() + u) * unit_bytes(), block_,
                           o % block_);
            }
        }
        return std::make_unique<simd_packed<float>>(multiply_, in_, outs_, to);
    }

private:
    std::size_t units() const { return (in_ + quantized_inputs - 1) / quantized_inputs; }
    std::size_t unit_bytes() const { return block_ * Block::bytes; }

    std::size_t in_, outs_, block_;
    product_kernel<float> multiply_;
};

} // namespace

std::unique_ptr<panel_layout> make_fp32_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by)
{
    return std::make_unique<simd_panel<float>>(in, outs, by.block, by.fp32);
}

std::unique_ptr<panel_layout> make_widening_panel(std::size_t in, std::size_t outs,
                                                  const product_kernels& by)
{
    return std::make_unique<simd_panel<float, std::uint16_t>>(in, outs, by.block, by.fp32_bf16);
}

std::unique_ptr<panel_layout> make_int8_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by)
{
    return std::make_unique<quantized_panel<int8_block>>(in, outs, by.block, by.fp32_int8);
}

std::unique_ptr<panel_layout> make_int4_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by)
{
    return std::make_unique<quantized_panel<int4_block>>(in, outs, by.block, by.fp32_int4);
}

std::unique_ptr<panel_layout> make_bf16_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by)
{
    return std::make_unique<simd_panel<std::uint16_t>>(in, outs, by.block, by.bf16);
}

} // namespace warmd::hf

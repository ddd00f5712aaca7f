#include "hf/compute/simd_panel.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/kernels_bf16.hpp"

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

/// Numbers in fp32: where they are, or widened in `room`.
const float* converted(const std::byte* from, stored_as type, std::size_t count,
                       std::vector<float>& room)
{
    if (type == stored_as::fp32)
        return numbers_at<float>(from);
    room.resize(std::max(room.size(), count));
    (type == stored_as::bf16 ? widen_bf16 : widen_fp16)(numbers_at<std::uint16_t>(from),
                                                        room.data(), count);
    return room.data();
}

/// In bf16: where they are, or rounded in `room`.
const std::uint16_t* converted(const std::byte* from, stored_as type, std::size_t count,
                               std::vector<std::uint16_t>& room)
{
    if (type == stored_as::bf16)
        return numbers_at<std::uint16_t>(from);
    thread_local std::vector<float> wide;
    room.resize(std::max(room.size(), count));
    narrow_bf16(converted(from, type, count, wide), room.data(), count);
    return room.data();
}

/// Of rows and weights of these numbers.
template <class Number>
class simd_panel final : public panel_layout {
public:
    simd_panel(std::size_t in, std::size_t outs, std::size_t block, product_kernel<Number> multiply)
        : in_(in), outs_(outs), block_(block), multiply_(multiply)
    {
    }
    std::uint64_t bytes() const override
    {
        return (outs_ + block_ - 1) / block_ * block_ * height() * sizeof(Number);
    }
    std::uint64_t prepare(std::size_t, std::size_t) override { return 0; }
    std::unique_ptr<const packed_panel> pack(const std::byte* weights, stored_as type,
                                             std::byte* to) const override
    {
        thread_local std::vector<Number> room;
        auto* const blocks = reinterpret_cast<Number*>(to);
        for (std::size_t o = 0; o < outs_; o += block_) {
            const std::size_t columns = std::min(block_, outs_ - o);
            transpose(converted(weights + o * in_ * size_of(type), type, columns * in_, room),
                      columns, blocks + o * height());
        }
        return std::make_unique<packed>(*this, blocks);
    }

private:
    class packed final : public packed_panel {
    public:
        packed(const simd_panel& as, const Number* blocks) : as_(as), blocks_(blocks) {}
        void multiply(const std::byte* x, std::size_t rows, const tile_room& room) const override
        {
            as_.multiply_(numbers_at<Number>(x), rows, blocks_, as_.in_, as_.outs_, room.result(),
                          as_.outs_);
        }

    private:
        const simd_panel& as_;
        const Number* blocks_;
    };

    /// Inputs that stand together in a block.
    static constexpr std::size_t unit = sizeof(float) / sizeof(Number);
    std::size_t height() const { return (in_ + unit - 1) / unit * unit; }

    /// Rows [columns, in] to one block, a cache line of each at a time.
    void transpose(const Number* rows, std::size_t columns, Number* block) const
    {
        constexpr std::size_t line = 64 / sizeof(Number);
        if (columns != block_ || height() != in_)
            std::fill_n(block, height() * block_, Number{});
        for (std::size_t first = 0; first < in_; first += line)
            for (std::size_t o = 0; o != columns; ++o)
                for (std::size_t i = first; i != std::min(first + line, in_); ++i)
                    block[(i / unit * block_ + o) * unit + i % unit] = rows[o * in_ + i];
    }

    std::size_t in_, outs_, block_;
    product_kernel<Number> multiply_;
};

} // namespace

std::unique_ptr<panel_layout> make_fp32_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by)
{
    return std::make_unique<simd_panel<float>>(in, outs, by.block, by.fp32);
}

std::unique_ptr<panel_layout> make_bf16_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by)
{
    return std::make_unique<simd_panel<std::uint16_t>>(in, outs, by.block, by.bf16);
}

} // namespace warmd::hf

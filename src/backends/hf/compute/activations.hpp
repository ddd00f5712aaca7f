#pragma once
// What goes into a matrix product: rows in the precision that it multiplies.

#include "hf/compute/kernels.hpp"
#include "hf/compute/kernels_bf16.hpp"
#include "hf/compute/matmul.hpp"
#include "hf/compute/memory_block.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace warmd::hf {

class activations {
public:
    activations() = default;
    activations(block_cutter& memory, std::size_t rows, std::size_t width, precision of)
        : width_(width)
    {
        if (of == precision::bf16)
            narrow_ = memory.take<std::uint16_t>(rows * width);
        else
            wide_ = memory.take<float>(rows * width);
    }
    /// What one takes of its memory.
    static std::size_t bytes(std::size_t rows, std::size_t width, precision of)
    {
        return of == precision::bf16 ? block_cutter::taken<std::uint16_t>(rows * width)
                                     : block_cutter::taken<float>(rows * width);
    }

    /// Columns [first, first + count) of a row.
    void put(std::size_t row, std::size_t first, const float* values, std::size_t count)
    {
        if (narrow_.empty())
            std::copy_n(values, count, &wide_[row * width_ + first]);
        else
            narrow_bf16(values, &narrow_[row * width_ + first], count);
    }
    /// A whole row: rms_norm() of x [width].
    void put_normalised(std::size_t row, const float* x, const float* weight, float eps)
    {
        if (narrow_.empty())
            rms_norm(x, weight, eps, &wide_[row * width_], width_);
        else
            rms_norm_bf16(x, weight, eps, &narrow_[row * width_], width_);
    }
    /// Columns [first, first + count) of a row: silu(gate) * up.
    void put_gated(std::size_t row, std::size_t first, const float* gate, const float* up,
                   std::size_t count)
    {
        if (narrow_.empty())
            silu_times(gate, up, &wide_[row * width_ + first], count);
        else
            silu_times_bf16(gate, up, &narrow_[row * width_ + first], count);
    }
    /// A row in fp32: its own memory, or `room`, which has the row's width.
    const float* row(std::size_t row, float* room) const
    {
        if (narrow_.empty())
            return &wide_[row * width_];
        widen_bf16(&narrow_[row * width_], room, width_);
        return room;
    }
    std::size_t width() const { return width_; }
    const void* from(std::size_t row) const
    {
        return narrow_.empty() ? static_cast<const void*>(&wide_[row * width_])
                               : &narrow_[row * width_];
    }

private:
    std::size_t width_ = 0;
    std::span<float> wide_; // one of the two
    std::span<std::uint16_t> narrow_;
};

} // namespace warmd::hf

#pragma once
// What goes into a matrix product: rows as the weights' format has them.

#include "hf/compute/kernels.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/compute/weight_format.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace warmd::hf {

/// What the first half of a gated MLP's outputs goes through.
enum class activation_kind {
    silu,      ///< x / (1 + e^-x)
    gelu,      ///< Hendrycks & Gimpel 2016
    gelu_tanh, ///< the same by tanh, which differs by up to 5e-4
};

class activations {
public:
    activations() = default;
    activations(block_cutter& memory, std::size_t rows, std::size_t width, const weight_format& of)
        : of_(&of), width_(width), rows_(memory.take<std::byte>(rows * width * of.number_bytes()))
    {
    }
    /// What one takes of its memory.
    static std::size_t bytes(std::size_t rows, std::size_t width, const weight_format& of)
    {
        return block_cutter::taken<std::byte>(rows * width * of.number_bytes());
    }

    /// Columns [first, first + count) of a row.
    void put(std::size_t row, std::size_t first, const float* values, std::size_t count)
    {
        of_->put(values, at(row, first), count);
    }
    /// A whole row: rms_norm() of x [width].
    void put_normalised(std::size_t row, const float* x, const float* weight, float eps)
    {
        of_->put_normalised(x, weight, eps, at(row, 0), width_);
    }
    /// Columns [first, first + count) of a row: by(gate) * up.
    void put_gated(activation_kind by, std::size_t row, std::size_t first, const float* gate,
                   const float* up, std::size_t count)
    {
        if (by == activation_kind::silu)
            return of_->put_gated(gate, up, at(row, first), count);
        for (std::size_t i = 0; i < count; i += piece) {
            std::array<float, piece> some;
            const std::size_t left = std::min(piece, count - i);
            (by == activation_kind::gelu ? gelu_times : gelu_tanh_times)(gate + i, up + i,
                                                                         some.data(), left);
            put(row, first + i, some.data(), left);
        }
    }
    /// Columns [first, first + count) of a row: by(x).
    void put_activated(activation_kind by, std::size_t row, std::size_t first, const float* x,
                       std::size_t count)
    {
        static constexpr std::array<float, piece> ones = [] {
            std::array<float, piece> all{};
            all.fill(1);
            return all;
        }();
        for (std::size_t i = 0; i < count; i += piece)
            put_gated(by, row, first + i, x + i, ones.data(), std::min(piece, count - i));
    }
    /// A whole row becomes another's, of as wide ones.
    void copy_row(const activations& of, std::size_t from_row, std::size_t to_row)
    {
        std::copy_n(of.from(from_row), width_ * of_->number_bytes(), at(to_row, 0));
    }
    bool empty() const { return rows_.empty(); }
    /// A row in fp32: its own memory, or `room`, which has the row's width.
    const float* row(std::size_t row, float* room) const
    {
        return of_->in_fp32(from(row), room, width_);
    }
    std::size_t width() const { return width_; }
    const std::byte* from(std::size_t row) const { return at(row, 0); }

private:
    static constexpr std::size_t piece = 256;

    std::byte* at(std::size_t row, std::size_t column) const
    {
        return &rows_[(row * width_ + column) * of_->number_bytes()];
    }

    const weight_format* of_ = nullptr;
    std::size_t width_ = 0;
    std::span<std::byte> rows_;
};

} // namespace warmd::hf

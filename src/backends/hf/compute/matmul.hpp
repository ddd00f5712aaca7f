#pragma once
// Matrix products against weights that are packed once into the layout of their format
// (weight_format.hpp).
//
// A product is cut into tiles of fixed shapes: some rows of x times a panel of the weights'
// columns, which fits into a core's own cache. Each tile is computed on one thread and goes to its
// receiver while it is still in that cache. So each row of a product is the same to the bit however
// many rows are multiplied together (hf_matmul_test), and all cores have work whatever the shape.

#include "hf/compute/weight_format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace warmd::hf {

class thread_team;
class matmul_shape; // the panels for one [in, out]

/// The shape of a weight matrix. With two strands, the lower half of the outputs is computed along
/// with the upper one: output i comes in one tile with output i + out / 2.
struct matrix_shape {
    std::size_t in = 0;
    std::size_t out = 0;
    std::size_t strands = 1; ///< 1 or 2; divides `out`

    auto operator<=>(const matrix_shape&) const = default;
};

/// A weight matrix [out, in], packed. Immutable; copies share it.
class packed_matrix {
public:
    packed_matrix() = default;

    const matrix_shape& shape() const { return shape_; }
    explicit operator bool() const { return contents_ != nullptr; }

private:
    friend class matmul_engine;
    struct packed;

    matrix_shape shape_;
    std::shared_ptr<const packed> contents_;
};

/// A part of a product: rows [first_row, first_row + rows), and of each strand columns [first_out,
/// first_out + outs), fp32.
struct product_tile {
    std::size_t first_row, rows;
    std::size_t first_out, outs;
    std::size_t stride;            ///< from one row to the next
    std::array<float*, 2> strands; ///< [rows, outs] each; the receiver may change it
};

/// What one thread computes of a product: some of the tiles of some rows.
struct product_share {
    std::size_t thread; ///< below team().size()
    std::size_t first_row,
        last_row; ///< rows [first_row, last_row); first_row is a multiple of band_rows
    std::size_t part = 0, parts = 1; ///< an equal part of their tiles
};

/// Packs and multiplies. Not thread-safe, multiply() apart: its owner lets one thread at a time use
/// it (compute.hpp).
class matmul_engine {
public:
    /// Most rows of one product.
    static constexpr std::size_t most_rows = 512;
    /// Rows of a tile, but for the last.
    static constexpr std::size_t band_rows =
        32; // two of AMX's registers: more rows run no faster (warmbench score)
    /// So many rows beyond those of a product must be there to read; they may hold anything.
    static constexpr std::size_t most_padding = 63;

    /// Computes on the threads of `team`, which outlives it.
    explicit matmul_engine(thread_team& team);
    ~matmul_engine();
    matmul_engine(const matmul_engine&) = delete;
    matmul_engine& operator=(const matmul_engine&) = delete;

    /// What a packed matrix takes, padding included; a multiple of a cache line.
    std::uint64_t packed_bytes(const matrix_shape& shape, const weight_format& format);
    /// Packs weights [out, in], row-major, into packed_bytes() at `to`, which begins at a cache
    /// line and outlives the matrix. bf16 packs of fp32 weights round to the nearest.
    packed_matrix pack(std::span<const std::byte> weights, stored_as type,
                       const matrix_shape& shape, const weight_format& format, std::byte* to);

    thread_team& team() const; ///< what it computes on
    /// Makes what products of so many rows need. REQUIRES: 1 <= rows <= most_rows.
    void prepare(const packed_matrix& weights, std::size_t rows);
    using receiver = std::function<void(const product_tile&)>;
    /// The share's tiles of x [rows, in] * W^T; x row-major, rows as the weights' format has them.
    /// Called on several threads at once, with different `thread`s. REQUIRES: prepare(weights,
    /// rows).
    void multiply(const packed_matrix& weights, const std::byte* x, const product_share& share,
                  const receiver& receive);

private:
    struct state;
    std::shared_ptr<matmul_shape> panels_of(const matrix_shape& shape, const weight_format& format);

    std::unique_ptr<state> state_;
};

} // namespace warmd::hf

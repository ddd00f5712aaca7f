#pragma once
// One tile of a product: some rows times one panel of packed weights, by oneDNN, on one thread.
// What of this library is used is here and in matmul.cpp.

#include "hf/compute/matmul.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace warmd::hf {

/// Rows that a tile can have.
inline constexpr std::array<std::size_t, 7> heights{
    1, 2, 4, 8, 16, 32, matmul_engine::most_padding + 1};

/// The height of the tile for `rows` rows of `in` numbers times `outs` columns: the least that has
/// room, or one at which no sum differs in its last bit.
std::size_t height_of(std::size_t rows, std::size_t in, std::size_t outs, precision of);

/// The primitives for panels of [in, outs], one for each height.
class panel_product {
public:
    panel_product(const dnnl::engine& engine, std::size_t in, std::size_t outs, precision of);

    std::size_t outs() const { return outs_; }
    std::uint64_t bytes() const; ///< of packed weights; a multiple of a cache line
    std::uint64_t most_scratch() const { return most_scratch_; }

    /// Makes the primitive for a height, if it is not there.
    void prepare(std::size_t height);

    /// Packs weights [outs, in]; in oneDNN's words our rows are its columns.
    void pack(dnnl::stream& stream, const std::byte* weights, dnnl::memory::data_type type,
              dnnl::memory& to) const;

    dnnl::memory x_slot(std::size_t height) const
    {
        return {x(height), engine_, nullptr};
    } ///< without data
    dnnl::memory y_slot(std::size_t height, std::byte* at) const
    {
        return {y(height), engine_, at};
    }
    dnnl::memory scratch(std::size_t height, std::byte* at) const
    {
        return {by_height_[index_of(height)].scratch, engine_, at};
    }
    dnnl::memory weights(std::byte* packed) const { return {weights_, engine_, packed}; }
    /// REQUIRES: prepare(height).
    const dnnl::matmul& primitive(std::size_t height) const
    {
        return by_height_[index_of(height)].primitive;
    }

private:
    struct made {
        dnnl::matmul primitive;
        dnnl::memory::desc scratch;
    };
    static std::size_t index_of(std::size_t height)
    {
        return static_cast<std::size_t>(std::ranges::find(heights, height) - heights.begin());
    }
    dnnl::memory::desc x(std::size_t height) const;
    dnnl::memory::desc y(std::size_t height) const;

    dnnl::engine engine_;
    std::size_t in_, outs_;
    precision of_;
    dnnl::memory::desc weights_;
    std::array<made, heights.size()> by_height_;
    std::uint64_t most_scratch_ = 0;
};

struct release_aligned {
    void operator()(std::byte* memory) const { std::free(memory); }
};
using aligned_memory = std::unique_ptr<std::byte, release_aligned>;

/// What one thread needs of its own to compute tiles.
class tile_worker {
public:
    explicit tile_worker(const dnnl::engine& engine) : stream_(engine) {}

    /// Room for tiles.
    void prepare(std::uint64_t y_bytes, std::uint64_t scratch_bytes);

    dnnl::stream& stream() { return stream_; }

    /// x [height, in] times a packed panel: [height, outs], until the next.
    float* run(const panel_product& by, std::size_t height, const dnnl::memory& packed,
               const std::byte* x);

private:
    void bind(const panel_product& by, std::size_t height);

    dnnl::stream stream_;
    aligned_memory y_, scratch_;
    std::uint64_t y_bytes_ = 0, scratch_bytes_ = 0;
    dnnl::memory x_slot_, y_slot_; // of the panel last multiplied with, as all that follows
    dnnl::memory scratch_slot_;
    const_dnnl_primitive_t primitive_ = nullptr;
    const panel_product* bound_ = nullptr;
    std::size_t bound_height_ = 0;
};

} // namespace warmd::hf

#pragma once
// A panel: some columns of a matrix, as many as fit into a core's own cache, and the product of a
// few rows with them. What a weight_format is made of; matmul_shape.hpp cuts matrices into panels.

#include "hf/compute/memory_block.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace warmd::hf {

/// How weights are stored in their file.
enum class stored_as { fp32, bf16, fp16 };
constexpr std::size_t size_of(stored_as type) { return type == stored_as::fp32 ? 4 : 2; }

/// What one thread has of its own to compute tiles in.
class tile_room {
public:
    explicit tile_room(std::size_t thread) : thread_(thread) {}

    /// At least so much of each; what was there is gone.
    void make(std::uint64_t result_bytes, std::uint64_t scratch_bytes)
    {
        for (const auto& [block, bytes] :
             {std::pair(&result_, result_bytes), {&scratch_, scratch_bytes}})
            if (block->bytes() < bytes)
                *block = memory_block(bytes);
    }
    std::size_t thread() const { return thread_; }
    float* result() const { return reinterpret_cast<float*>(result_.data()); }
    std::byte* scratch() const { return scratch_.data(); }

private:
    std::size_t thread_;
    memory_block result_, scratch_;
};

/// The packed weights of a panel. Immutable.
class packed_panel {
public:
    virtual ~packed_panel() = default;
    /// x [rows, in], as the format has its rows, times the weights, to room.result() [rows, outs].
    /// Each row comes out the same to the bit however many they are. REQUIRES: the layout's
    /// prepare() for so many rows, and that room.
    virtual void multiply(const std::byte* x, std::size_t rows, const tile_room& room) const = 0;
};

/// How panels of one size are packed. Outlives those that it packed.
class panel_layout {
public:
    virtual ~panel_layout() = default;
    /// What a panel takes; a multiple of a cache line.
    virtual std::uint64_t bytes() const = 0;
    /// Packs weights [outs, in], row-major, into bytes() at `to`, which begins at a cache line and
    /// outlives the panel. May run on several threads at once, each with a number below that of
    /// prepare().
    virtual std::unique_ptr<const packed_panel> pack(const std::byte* weights, stored_as type,
                                                     std::byte* to) const = 0;
    /// Makes what products of so many rows need on so many threads; returns the scratch memory that
    /// each takes.
    virtual std::uint64_t prepare(std::size_t rows, std::size_t threads) = 0;
};

} // namespace warmd::hf

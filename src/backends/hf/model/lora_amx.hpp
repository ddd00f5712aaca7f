#pragma once
// LoRA's two products by AMX's tile registers, for models that compute in bf16. The factors are
// fp32 and x A^T is, too: each number is the sum of two in bf16, so that what comes out differs
// from fp32 in the last bits only.
//
// Ranks go in eights, each part's from the start of one. Of 8 ranks, A is 16 columns: the upper
// halves of the numbers, then the lower. x A^T is 16 pairs (upper, lower) of bf16: those of the 8
// ranks, twice; in B the first 8 rows of pairs hold B's upper halves, twice each, and the other 8
// the lower ones.

#include "hf/model/lora.hpp"

#include <cstddef>
#include <cstdint>

namespace warmd::hf {

/// What lora_weights::tiles will take.
std::uint64_t lora_tile_bytes(const std::vector<lora_factors>& factors,
                              const weight_format& format);
/// Makes the tiles of all factors, if the format uses them.
void make_lora_tiles(const model_config& config, const weight_format& format, lora_weights& weights,
                     thread_team& team);

/// What one row's x A^T takes, for a product that has tiles.
std::size_t reduced_bytes(const lora_linear& by);
/// x A^T of neighbouring rows of x [rows, in] bf16, times the parts' scaling and `scale`, to rows
/// that are `stride` bytes apart.
void reduce_by_amx(const lora_linear& by, const std::uint16_t* x, std::size_t in, std::size_t rows,
                   double scale, std::byte* to, std::size_t stride);
/// Adds the part to its columns [first, first + count) of neighbouring rows of the product: y
/// [rows, count], rows y_stride apart. `reduced` is what reduce_by_amx() made of these rows.
void add_by_amx(const lora_linear::part& part, const std::byte* reduced, std::size_t stride,
                std::size_t rows, std::size_t first, std::size_t count, float* y,
                std::size_t y_stride);

} // namespace warmd::hf

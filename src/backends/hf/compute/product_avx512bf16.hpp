#pragma once
// Products of bf16 by AVX512-BF16's VDPBF16PS, for which Highway 1.0.3 has no target.

#include <cstddef>
#include <cstdint>

namespace warmd::hf {

inline constexpr std::size_t avx512bf16_block = 32;

/// As product_kernels::bf16 has it.
void multiply_avx512bf16(const std::uint16_t* x, std::size_t rows, const std::byte* blocks,
                         std::size_t in, std::size_t outs, float* y, std::size_t y_stride);

} // namespace warmd::hf

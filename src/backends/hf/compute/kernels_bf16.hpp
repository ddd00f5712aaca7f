#pragma once
// The arithmetic between matrix products whose result goes into one in bf16: computed in fp32,
// rounded to the nearest, ties to even; subnormal numbers become 0 (VCVTNEPS2BF16). No result
// depends on anything but the arguments. REQUIRES: has_bf16()
// (processor.hpp).

#include <cstddef>
#include <cstdint>

namespace warmd::hf {

/// y = x
void narrow_bf16(const float* x, std::uint16_t* y, std::size_t width);

/// y = x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019).
void rms_norm_bf16(const float* x, const float* weight, float eps, std::uint16_t* y,
                   std::size_t width);

/// y = silu(gate) * up (Shazeer 2020, SwiGLU), to 3e-6 before it is rounded.
void silu_times_bf16(const float* gate, const float* up, std::uint16_t* y, std::size_t width);

} // namespace warmd::hf

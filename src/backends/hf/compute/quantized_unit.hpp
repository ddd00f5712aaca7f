#pragma once
// How weights of 8 and 4 bits are kept: in units of 32 inputs of one output, which have a scale, in
// 4 bits also a minimum, both in fp16, from one rounding each.
//
//     int8: w = scale * q, q in [-127, 127]      int4: w = scale * q + minimum, q in [0, 15]
//
// So a weight of 8 bits is exactly a number in fp32, and one of 4 bits one rounding (a fused
// multiplication and addition): whoever widens them, and however many at once, finds the same.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace warmd::hf {

inline constexpr std::size_t quantized_inputs = 32; ///< of one unit

struct int8_unit {
    std::uint16_t scale = 0; ///< fp16, as are all of these
    std::array<std::int8_t, quantized_inputs> q{};
};
struct int4_unit {
    std::uint16_t scale = 0, minimum = 0;
    std::array<std::uint8_t, quantized_inputs / 2> q{}; ///< two to a byte, the first the lower half
};

/// The nearest to the weights: at least one, at most quantized_inputs; where there are fewer, the
/// rest counts for nothing. Weights beyond fp16's reach (65,504 times 127, or 65,504) become the
/// largest that there is; one that is not finite makes NaNs of its unit, so that it is noticed.
void quantize(std::span<const float> weights, int8_unit& to);
void quantize(std::span<const float> weights, int4_unit& to);
/// What the kernels take them for; at most quantized_inputs.
void widen(const int8_unit& from, std::span<float> to);
void widen(const int4_unit& from, std::span<float> to);

/// What the norm of so many weights can come to when they are rounded so. Of a unit, errors are at
/// most half a step each, and a step is the largest weight over 127, or twice that over 15; on top
/// comes how scales and minima are rounded, at most by 2^-24 where they are too small for fp16.
double int8_norm_at_most(double norm, std::size_t weights);
double int4_norm_at_most(double norm, std::size_t weights);

} // namespace warmd::hf

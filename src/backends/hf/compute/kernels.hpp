#pragma once
// The arithmetic between matrix products, one row or one tile at a time, in fp32. No result depends
// on anything but the arguments: sums run in an order that their length alone decides.
// Single-threaded; callers spread rows over threads.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace warmd::hf {

/// y = x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019). x and y may be the same.
void rms_norm(const float* x, const float* weight, float eps, float* y, std::size_t width);

/// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias (Ba et al. 2016); bias may be null. x and
/// y may be the same.
void layer_norm(const float* x, const float* weight, const float* bias, float eps, float* y,
                std::size_t width);

/// Rotates the pairs (x[i], x[i + n]) by the angles whose cosines and sines are given, n = pairs
/// (Su et al. 2021, with the halves of a head as the pairs' two sides, as Transformers has it).
void rotate(float* x, const float* cosines, const float* sines, std::size_t pairs);
/// The same of the pairs (x[2i], x[2i + 1]), as the paper has it.
void rotate_neighbours(float* x, const float* cosines, const float* sines, std::size_t pairs);

/// out = silu(gate) * up (Shazeer 2020, SwiGLU).
void silu_times(const float* gate, const float* up, float* out, std::size_t width);
/// out = gelu(gate) * up (Shazeer 2020, GEGLU), by tanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x +
/// 0.044715 x^3))) (Hendrycks & Gimpel 2016).
void gelu_tanh_times(const float* gate, const float* up, float* out, std::size_t width);

/// out = gelu(gate) * up, by erf: 0.5 x (1 + erf(x / sqrt(2))) (Hendrycks & Gimpel 2016).
void gelu_times(const float* gate, const float* up, float* out, std::size_t width);

/// x = cap tanh(x / cap), to about 1e-7 cap.
void cap_softly(float* x, float cap, std::size_t width);
/// x *= factor
void scale(float* x, float factor, std::size_t width);

/// Half precision widened to fp32; every value is exact. bfloat16: the upper half of an IEEE 754
/// binary32.
void widen_bf16(const std::uint16_t* x, float* y, std::size_t width);
/// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
void widen_fp16(const std::uint16_t* x, float* y, std::size_t width);

/// fp32 rounded to bfloat16: to the nearest, ties to even; a NaN stays one. On any processor.
void round_to_bf16(const float* x, std::uint16_t* y, std::size_t width);

/// y += x, which do not overlap.
void add(const float* x, float* y, std::size_t width);
/// y += factor x
void add_scaled(const float* x, float factor, float* y, std::size_t width);
/// y [width] += factor * x [rank] times b [rank, width], whose rows are `stride` apart
void add_product(const float* x, const float* b, std::size_t rank, std::size_t stride, float factor,
                 float* y, std::size_t width);
/// Rows that reduce() takes together.
inline constexpr std::size_t reduced_rows = 4;
/// y[t] [ranks] = x[t] [in] times a [ranks, in] transposed, for each of the rows.
void reduce(const std::array<const float*, reduced_rows>& x, const float* a, std::size_t in,
            std::size_t ranks, const std::array<float*, reduced_rows>& y);

/// The largest of each maxima_block neighbours.
inline constexpr std::size_t maxima_block = 64;
void maxima(const float* x, std::size_t width, float* y);

/// Standard normal draws: a function of `seed` and the index alone (Box & Muller 1958, of hashes as
/// Steele et al. 2014 mix them).
void draw_normal(std::uint64_t seed, float* out, std::size_t count);

bool all_finite(std::span<const float> x);
/// ln(sum(exp(x))), summed in fp64; not finite if any x is not finite.
double log_sum_exp(std::span<const float> x);

} // namespace warmd::hf

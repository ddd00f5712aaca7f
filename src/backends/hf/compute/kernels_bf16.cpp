#include "hf/compute/kernels_bf16.hpp"

#include "hf/compute/avx512.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace warmd::hf {

using namespace avx512;

namespace {

WARMD_AVX512 [[gnu::always_inline]] inline void store(std::uint16_t* to, __mmask16 some, __m512 x)
{
    _mm256_mask_storeu_epi16(to, some, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

/// 1 / (1 + e^-x). Below -69 it stays at 2^-100: the processor is slow with numbers that are still
/// smaller.
WARMD_AVX512 [[gnu::always_inline]] inline __m512 sigmoid(__m512 x)
{
    x = x * _mm512_set1_ps(-1.44269504f); // e^-x = 2^x now
    x = _mm512_min_ps(_mm512_set1_ps(100),
                      _mm512_max_ps(_mm512_set1_ps(-100), x)); // in this order a NaN stays one
    const __m512 divisor = _mm512_set1_ps(1) + powers_of_two(0xffff, x);
    const __m512 guess = _mm512_rcp14_ps(divisor);
    return guess * _mm512_fnmadd_ps(divisor, guess,
                                    _mm512_set1_ps(2)); // one step of Newton's: to 2^-23 or so
}

} // namespace

WARMD_AVX512 void narrow_bf16(const float* x, std::uint16_t* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; i += lanes) {
        const __mmask16 some = left(i, width);
        store(y + i, some, _mm512_maskz_loadu_ps(some, x + i));
    }
}

WARMD_AVX512 void rms_norm_bf16(const float* x, const float* weight, float eps, std::uint16_t* y,
                                std::size_t width)
{
    constexpr std::size_t parts = 4; // so that one addition need not wait for another
    __m512 sums[parts] = {};
    for (std::size_t i = 0; i < width; i += parts * lanes)
#pragma GCC unroll 4
        for (std::size_t part = 0; part != parts; ++part) {
            const std::size_t at = std::min(i + part * lanes, width);
            const __m512 values = _mm512_maskz_loadu_ps(left(at, width), x + at);
            sums[part] = _mm512_fmadd_ps(values, values, sums[part]);
        }
    alignas(64) std::array<float, lanes> all;
    _mm512_store_ps(all.data(), (sums[0] + sums[1]) + (sums[2] + sums[3]));
    const float sum = std::accumulate(all.begin(), all.end(), 0.0f);
    const __m512 scale = _mm512_set1_ps(1 / std::sqrt(sum / static_cast<float>(width) + eps));
    for (std::size_t i = 0; i < width; i += lanes) {
        const __mmask16 some = left(i, width);
        store(y + i, some,
              _mm512_maskz_loadu_ps(some, weight + i) *
                  (_mm512_maskz_loadu_ps(some, x + i) * scale));
    }
}

WARMD_AVX512 void silu_times_bf16(const float* gate, const float* up, std::uint16_t* y,
                                  std::size_t width)
{
    for (std::size_t i = 0; i < width; i += lanes) {
        const __mmask16 some = left(i, width);
        const __m512 g = _mm512_maskz_loadu_ps(some, gate + i);
        store(y + i, some, g * sigmoid(g) * _mm512_maskz_loadu_ps(some, up + i));
    }
}

} // namespace warmd::hf

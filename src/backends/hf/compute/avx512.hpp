#pragma once
// What the loops written for AVX-512 by hand have in common.

#if defined(__x86_64__)

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

// What the compiler may use in functions that are called only if has_bf16()
// (processor.hpp).
#define WARMD_AVX512 [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,bmi2,fma")]]

namespace warmd::hf::avx512 {

inline constexpr std::size_t lanes = 16;

/// All lanes, or those that are left of `width` from i on.
WARMD_AVX512 [[gnu::always_inline]] inline __mmask16 left(std::size_t i, std::size_t width)
{
    return static_cast<__mmask16>(
        _bzhi_u32(0xffff, static_cast<std::uint32_t>(std::min(width - i, lanes))));
}

/// 2^x to 3e-6, which is much nearer than what it is rounded to; 0 in the other lanes.
WARMD_AVX512 [[gnu::always_inline]] inline __m512 powers_of_two(__mmask16 some, __m512 x)
{
    const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); // x - floor(x)
    __m512 p = _mm512_set1_ps(1.353416791e-02f);                                     // 2^r
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.201146062e-02f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.414427569e-01f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.930038345e-01f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.000002593e+00f));
    return _mm512_maskz_scalef_ps(some, p, x); // times 2^floor(x)
}

/// bf16 as fp32.
WARMD_AVX512 [[gnu::always_inline]] inline __m512 widened(__m256i bf16)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16));
}

} // namespace warmd::hf::avx512

#endif

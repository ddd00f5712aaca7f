#pragma once
// What kernels.cpp and attention_fp32.cpp are written with: vectors of 16 numbers, and the choice
// of the instruction set.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// Each kernel is compiled for three levels of the x86-64 instruction set; the loader picks one.
// Sanitizers cannot start before such a choice is made.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(WARMD_SANITIZED)
#define WARMD_FOR_EACH_LEVEL                                                                       \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WARMD_FOR_EACH_LEVEL
#endif

namespace warmd::hf {

/// exp(x) to about 2 ulp, without branches so that loops vectorise; x is clamped to where the
/// result is normal. Cody & Waite reduction, polynomial of Cephes' expf.
[[gnu::always_inline]] inline float exponential(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    constexpr float shift =
        12582912.0f; // 1.5 * 2^23: adding it rounds to an integer in the low bits
    const float shifted = x * 1.44269504f + shift;
    const float n = shifted - shift;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const std::uint32_t exponent =
        std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(shift) + 127u;
    return p * std::bit_cast<float>(exponent << 23);
}

/// 16 numbers. For the loops that GCC 12 does not turn into vectors by itself, or keeps in memory.
constexpr std::size_t lanes = 16;
using floats = float __attribute__((vector_size(lanes * sizeof(float))));
using ints = std::int32_t __attribute__((vector_size(lanes * sizeof(std::int32_t))));

[[gnu::always_inline]] inline void load(const float* from, floats& to)
{
    std::memcpy(&to, from, sizeof to);
}
[[gnu::always_inline]] inline void store(const floats& from, float* to)
{
    std::memcpy(to, &from, sizeof from);
}

/// exponential() of each.
[[gnu::always_inline]] inline void exponentials(floats& x)
{
    x = x < -87.0f ? floats{} - 87.0f : x;
    x = x > 88.0f ? floats{} + 88.0f : x;
    constexpr float shift = 12582912.0f;
    const floats shifted = x * 1.44269504f + shift;
    const floats n = shifted - shift;
    const floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const ints exponent =
        __builtin_bit_cast(ints, shifted) - (std::bit_cast<std::int32_t>(shift) - 127);
    x = p * __builtin_bit_cast(floats, exponent << 23);
}

/// x = cap tanh(x / cap): tanh(y) = 1 - 2 / (1 + e^2y).
[[gnu::always_inline]] inline void cap_softly(floats& x, float cap)
{
    floats power = x * (2 / cap);
    exponentials(power);
    x = cap - 2 * cap / (1.0f + power);
}

/// The sum of 16 numbers, halves onto halves.
[[gnu::always_inline]] inline float sum_of(const floats& of)
{
    floats numbers = of;
    numbers += __builtin_shufflevector(numbers, numbers, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3,
                                       4, 5, 6, 7);
    numbers += __builtin_shufflevector(numbers, numbers, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8,
                                       9, 10, 11);
    numbers += __builtin_shufflevector(numbers, numbers, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14,
                                       15, 12, 13);
    numbers += __builtin_shufflevector(numbers, numbers, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13,
                                       12, 15, 14);
    return numbers[0];
}

} // namespace warmd::hf

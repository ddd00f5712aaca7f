#include "hf/compute/kernels.hpp"

#include "hf/compute/vectors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace warmd::hf {

namespace {

/// ln(x) to about 1e-7 for x in (0, 1]. Polynomial of Cephes' logf.
[[gnu::always_inline]] inline float logarithm(float x)
{
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t above =
        (bits & 0x7fffffu) > 0x3504f3u ? 1u : 0u; // mantissa in [sqrt(1/2), sqrt(2))
    const float mantissa = std::bit_cast<float>((bits & 0x7fffffu) | ((127u - above) << 23)) - 1.0f;
    const float exponent =
        static_cast<float>(static_cast<std::int32_t>((bits >> 23) + above) - 127);
    float p = 7.0376836292e-2f;
    p = p * mantissa - 1.1514610310e-1f;
    p = p * mantissa + 1.1676998740e-1f;
    p = p * mantissa - 1.2420140846e-1f;
    p = p * mantissa + 1.4249322787e-1f;
    p = p * mantissa - 1.6668057665e-1f;
    p = p * mantissa + 2.0000714765e-1f;
    p = p * mantissa - 2.4999993993e-1f;
    p = p * mantissa + 3.3333331174e-1f;
    const float square = mantissa * mantissa;
    return mantissa - 0.5f * square + p * square * mantissa + exponent * 0.69314718f;
}

/// sin(2 pi x) for |x| <= 1/4: Taylor's series to the eleventh power.
[[gnu::always_inline]] inline float sine_of_turns(float x)
{
    const float angle = x * 6.28318531f, square = angle * angle;
    float p = -2.5052108e-8f;
    p = p * square + 2.7557319e-6f;
    p = p * square - 1.9841270e-4f;
    p = p * square + 8.3333333e-3f;
    p = p * square - 1.6666667e-1f;
    return angle + angle * square * p;
}

/// `vectors` vectors of add_product()'s columns.
template <std::size_t vectors>
[[gnu::always_inline]] inline void add_columns(const float* x, const float* b, std::size_t rank,
                                               std::size_t stride, float factor, float* y)
{
    floats sums[vectors] = {};
    for (std::size_t r = 0; r != rank; ++r)
#pragma GCC unroll 8
        for (std::size_t i = 0; i != vectors; ++i) {
            floats row;
            load(b + r * stride + i * lanes, row);
            sums[i] += x[r] * row;
        }
#pragma GCC unroll 8
    for (std::size_t i = 0; i != vectors; ++i) {
        floats sum;
        load(y + i * lanes, sum);
        store(sum + factor * sums[i], y + i * lanes);
    }
}

/// x = x / (1 + e^exponent). By reference: by value, how it is passed would depend on the processor
/// that is compiled for.
[[gnu::always_inline]] inline void damp(floats& x, const floats& exponent)
{
    floats power = exponent;
    exponentials(power);
    x = x / (1.0f + power);
}

/// out = activated gate * up
template <class Activate>
[[gnu::always_inline]] inline void gate_by(const Activate& activate, const float* gate,
                                           const float* up, float* out, std::size_t width)
{
    const auto each = [&](const float* gates, const float* ups, float* to)
        __attribute__((always_inline))
    {
        floats g, u;
        load(gates, g);
        load(ups, u);
        activate(g);
        store(g * u, to);
    };
    std::size_t i = 0;
    for (; i + lanes <= width; i += lanes)
        each(gate + i, up + i, out + i);
    if (i != width) {
        float rest[3][lanes] = {};
        std::copy(gate + i, gate + width, rest[0]);
        std::copy(up + i, up + width, rest[1]);
        each(rest[0], rest[1], rest[2]);
        std::copy_n(rest[2], width - i, out + i);
    }
}

} // namespace

WARMD_FOR_EACH_LEVEL
void rms_norm(const float* x, const float* weight, float eps, float* y, std::size_t width)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < width; ++i)
        sum += x[i] * x[i];
    const float scale = 1 / std::sqrt(sum / static_cast<float>(width) + eps);
    for (std::size_t i = 0; i < width; ++i)
        y[i] = weight[i] * (x[i] * scale);
}

WARMD_FOR_EACH_LEVEL
void layer_norm(const float* x, const float* weight, const float* bias, float eps, float* y,
                std::size_t width)
{
    const auto count = static_cast<float>(width);
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < width; ++i)
        sum += x[i];
    const float mean = sum / count;
#pragma omp simd reduction(+ : squares)
    for (std::size_t i = 0; i < width; ++i)
        squares += (x[i] - mean) * (x[i] - mean);
    const float factor = 1 / std::sqrt(squares / count + eps);
    for (std::size_t i = 0; i < width; ++i)
        y[i] = weight[i] * ((x[i] - mean) * factor) + (bias ? bias[i] : 0);
}

WARMD_FOR_EACH_LEVEL
void rotate(float* x, const float* cosines, const float* sines, std::size_t pairs)
{
#pragma omp simd // they do not overlap
    for (std::size_t i = 0; i < pairs; ++i) {
        const float a = x[i], b = x[i + pairs];
        x[i] = a * cosines[i] - b * sines[i];
        x[i + pairs] = b * cosines[i] + a * sines[i];
    }
}

WARMD_FOR_EACH_LEVEL
void rotate_neighbours(float* x, const float* cosines, const float* sines, std::size_t pairs)
{
    for (std::size_t i = 0; i < pairs; ++i) {
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cosines[i] - b * sines[i];
        x[2 * i + 1] = b * cosines[i] + a * sines[i];
    }
}

WARMD_FOR_EACH_LEVEL
void silu_times(const float* gate, const float* up, float* out, std::size_t width)
{
    gate_by(
        [](floats & g) __attribute__((always_inline)) { damp(g, -g); }, gate, up, out, width);
}

WARMD_FOR_EACH_LEVEL
void gelu_tanh_times(const float* gate, const float* up, float* out, std::size_t width)
{
    constexpr float twice = -2 * 0.7978845608f; // -2 sqrt(2 / pi)
    gate_by(
        [](floats & g)
            __attribute__((always_inline)) { damp(g, twice * (g + 0.044715f * g * g * g)); },
        gate, up, out, width);
}

WARMD_FOR_EACH_LEVEL
void gelu_times(const float* gate, const float* up, float* out, std::size_t width)
{
    // 1 - erf(z) = p(t) e^-zz with t = 1 / (1 + 0.3275911 z), z >= 0 (Abramowitz & Stegun 7.1.26)
    gate_by(
        [](floats & g) __attribute__((always_inline)) {
            const floats z = (g < 0.0f ? -g : g) * 0.7071067812f;
            const floats t = 1.0f / (1.0f + 0.3275911f * z);
            floats power = -z * z;
            exponentials(power);
            floats p = t * 1.061405429f - 1.453152027f;
            p = p * t + 1.421413741f;
            p = p * t - 0.284496736f;
            p = p * t + 0.254829592f;
            const floats half = 0.5f * p * t * power; // of what is left beyond z
            g *= g < 0.0f ? half : 1.0f - half;
        },
        gate, up, out, width);
}

WARMD_FOR_EACH_LEVEL
void cap_softly(float* x, float cap, std::size_t width)
{
    std::size_t i = 0;
    for (; i + lanes <= width; i += lanes) {
        floats some;
        load(x + i, some);
        cap_softly(some, cap);
        store(some, x + i);
    }
    if (i != width) {
        float rest[lanes] = {};
        std::copy(x + i, x + width, rest);
        floats some;
        load(rest, some);
        cap_softly(some, cap);
        store(some, rest);
        std::copy_n(rest, width - i, x + i);
    }
}

WARMD_FOR_EACH_LEVEL
void scale(float* x, float factor, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i)
        x[i] *= factor;
}

WARMD_FOR_EACH_LEVEL
void widen_bf16(const std::uint16_t* x, float* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i)
        y[i] = std::bit_cast<float>(static_cast<std::uint32_t>(x[i]) << 16);
}

WARMD_FOR_EACH_LEVEL
void widen_fp16(const std::uint16_t* x, float* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i) {
        const std::uint32_t bits = x[i];
        // The exponent's bias differs by 112; multiplying normalises subnormals as well.
        const float magnitude = std::bit_cast<float>((bits & 0x7fffu) << 13) * 0x1p112f;
        const std::uint32_t special =
            (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u; // infinity, NaN
        y[i] = std::bit_cast<float>((bits & 0x8000u) << 16 |
                                    std::bit_cast<std::uint32_t>(magnitude) | special);
    }
}

WARMD_FOR_EACH_LEVEL
void round_to_bf16(const float* x, std::uint16_t* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(x[i]);
        const std::uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16,
                            quiet = bits >> 16 | 0x40u; // a NaN's last bits are not carried over
        const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
        y[i] = static_cast<std::uint16_t>(is_nan ? quiet : rounded);
    }
}

WARMD_FOR_EACH_LEVEL
void add(const float* x, float* y, std::size_t width)
{
#pragma omp simd
    for (std::size_t i = 0; i < width; ++i)
        y[i] += x[i];
}

WARMD_FOR_EACH_LEVEL
void add_scaled(const float* x, float factor, float* y, std::size_t width)
{
#pragma omp simd
    for (std::size_t i = 0; i < width; ++i)
        y[i] += factor * x[i];
}

WARMD_FOR_EACH_LEVEL
void add_product(const float* x, const float* b, std::size_t rank, std::size_t stride, float factor,
                 float* y, std::size_t width)
{
    constexpr std::size_t wide = 8, narrow = 4;
    std::size_t first = 0;
    for (; first + wide * lanes <= width; first += wide * lanes)
        add_columns<wide>(x, b + first, rank, stride, factor, y + first);
    for (; first + narrow * lanes <= width; first += narrow * lanes)
        add_columns<narrow>(x, b + first, rank, stride, factor, y + first);
    for (; first != width; ++first) {
        float sum = 0;
        for (std::size_t r = 0; r != rank; ++r)
            sum += x[r] * b[r * stride + first];
        y[first] += factor * sum;
    }
}

WARMD_FOR_EACH_LEVEL
void reduce(const std::array<const float*, reduced_rows>& x, const float* a, std::size_t in,
            std::size_t ranks, const std::array<float*, reduced_rows>& y)
{
    constexpr std::size_t at_once = 4;
    for (std::size_t first = 0; first < ranks; first += at_once) {
        const float* rows[at_once]; // the last ones repeat where there are fewer
        for (std::size_t r = 0; r != at_once; ++r)
            rows[r] = a + std::min(first + r, ranks - 1) * in;
        floats sums[reduced_rows * at_once] = {};
        std::size_t i = 0;
        for (; i + lanes <= in; i += lanes) {
            floats columns[at_once];
#pragma GCC unroll 4
            for (std::size_t r = 0; r != at_once; ++r)
                load(rows[r] + i, columns[r]);
#pragma GCC unroll 4
            for (std::size_t t = 0; t != reduced_rows; ++t) {
                floats row;
                load(x[t] + i, row);
#pragma GCC unroll 4
                for (std::size_t r = 0; r != at_once; ++r)
                    sums[t * at_once + r] += row * columns[r];
            }
        }
        for (std::size_t t = 0; t != reduced_rows; ++t)
            for (std::size_t r = 0; r != std::min(at_once, ranks - first); ++r) {
                float sum = sum_of(sums[t * at_once + r]);
                for (std::size_t rest = i; rest != in; ++rest)
                    sum += x[t][rest] * rows[r][rest];
                y[t][first + r] = sum;
            }
    }
}

WARMD_FOR_EACH_LEVEL
void maxima(const float* x, std::size_t width, float* y)
{
    for (std::size_t first = 0; first < width; first += maxima_block) {
        const std::size_t count = std::min(maxima_block, width - first);
        float highest = x[first];
#pragma omp simd reduction(max : highest)
        for (std::size_t i = 0; i < count; ++i)
            highest = x[first + i] > highest ? x[first + i] : highest;
        *y++ = highest;
    }
}

WARMD_FOR_EACH_LEVEL
void draw_normal(std::uint64_t seed, float* out, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t hash = seed + (i + 1) * 0x9e3779b97f4a7c15u; // SplitMix64
        hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
        hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
        hash ^= hash >> 31;
        const float chance = (static_cast<float>(static_cast<std::int32_t>(hash >> 41)) + 0.5f) *
                             0x1p-23f; // in (0, 1)
        const float turn =
            static_cast<float>(static_cast<std::int32_t>(hash & 0xffffffu)) * 0x1p-24f - 0.5f;
        out[i] = std::sqrt(-2 * logarithm(chance)) *
                 sine_of_turns(0.25f - std::abs(turn)); // cosine of the turn
    }
}

WARMD_FOR_EACH_LEVEL
bool all_finite(std::span<const float> x)
{
    const float* const values = x.data();
    float zero = 0; // times 0, every finite number adds nothing
#pragma omp simd reduction(+ : zero)
    for (std::size_t i = 0; i < x.size(); ++i)
        zero += values[i] * 0.0f;
    return zero == 0;
}

WARMD_FOR_EACH_LEVEL
double log_sum_exp(std::span<const float> x)
{
    const float* const values = x.data();
    const std::size_t count = x.size();
    constexpr std::size_t piece = 64;
    float highest = values[0];
    float zero = 0; // times 0, every finite number adds nothing
#pragma omp simd reduction(max : highest) reduction(+ : zero)
    for (std::size_t i = 0; i < count; ++i) {
        highest = values[i] > highest ? values[i] : highest;
        zero += values[i] * 0.0f;
    }
    if (!(zero == 0))
        return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (std::size_t i = 0; i < count; i += piece) {
        std::array<float, piece> terms{};
        const std::size_t n = std::min(piece, count - i);
        for (std::size_t j = 0; j < n; ++j)
            terms[j] = exponential(values[i + j] - highest);
        double part = 0;
#pragma omp simd reduction(+ : part)
        for (std::size_t j = 0; j < piece; ++j)
            part += static_cast<double>(terms[j]);
        sum += part;
    }
    return static_cast<double>(highest) + std::log(sum);
}

} // namespace warmd::hf

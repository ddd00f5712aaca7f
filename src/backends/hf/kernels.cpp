#include "kernels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

// Each kernel is compiled for three levels of the x86-64 instruction set; the loader picks one. Sanitizers cannot start
// before such a choice is made.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) &&                         \
    !defined(__SANITIZE_THREAD__)
#define WARMD_FOR_EACH_LEVEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WARMD_FOR_EACH_LEVEL
#endif

namespace warmd::hf {

namespace {

/// exp(x) to about 2 ulp, without branches so that loops vectorise; x is clamped to where the result is normal.
/// Cody & Waite reduction, polynomial of Cephes' expf.
[[gnu::always_inline]] inline float exponential(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    constexpr float shift = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer in the low bits
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
    const std::uint32_t exponent = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(shift) + 127u;
    return p * std::bit_cast<float>(exponent << 23);
}

/// ln(x) to about 1e-7 for x in (0, 1]. Polynomial of Cephes' logf.
[[gnu::always_inline]] inline float logarithm(float x)
{
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t above = (bits & 0x7fffffu) > 0x3504f3u ? 1u : 0u; // mantissa in [sqrt(1/2), sqrt(2))
    const float mantissa = std::bit_cast<float>((bits & 0x7fffffu) | ((127u - above) << 23)) - 1.0f;
    const float exponent = static_cast<float>(static_cast<std::int32_t>((bits >> 23) + above) - 127);
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

/// 16 numbers. For the loops that GCC 12 does not turn into vectors by itself, or keeps in memory.
constexpr std::size_t lanes = 16;
using floats = float __attribute__((vector_size(lanes * sizeof(float))));
using ints = std::int32_t __attribute__((vector_size(lanes * sizeof(std::int32_t))));

[[gnu::always_inline]] inline void load(const float* from, floats& to) { std::memcpy(&to, from, sizeof to); }
[[gnu::always_inline]] inline void store(const floats& from, float* to) { std::memcpy(to, &from, sizeof from); }

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
    const ints exponent = __builtin_bit_cast(ints, shifted) - (std::bit_cast<std::int32_t>(shift) - 127);
    x = p * __builtin_bit_cast(floats, exponent << 23);
}

/// The sum of 16 numbers, halves onto halves.
[[gnu::always_inline]] inline float sum_of(const floats& of)
{
    floats numbers = of;
    numbers += __builtin_shufflevector(numbers, numbers, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    numbers += __builtin_shufflevector(numbers, numbers, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    numbers += __builtin_shufflevector(numbers, numbers, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    numbers += __builtin_shufflevector(numbers, numbers, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return numbers[0];
}

/// `vectors` vectors of add_product()'s columns.
template <std::size_t vectors>
[[gnu::always_inline]] inline void add_columns(const float* x, const float* b, std::size_t rank, std::size_t stride, float factor,
                                               float* y)
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

/// One tile's scores: out[t][j] = q[t] . key j, for one block of keys; q [head_dim, attention_tile].
[[gnu::always_inline]] inline void score_block(const float* q, const float* keys, std::size_t head_dim, float* out,
                                               std::size_t out_stride)
{
    static_assert(attention_block == 2 * lanes);
    floats lower[attention_tile] = {}, upper[attention_tile] = {};
    for (std::size_t d = 0; d != head_dim; ++d) {
        floats low, high;
        load(keys + d * attention_block, low);
        load(keys + d * attention_block + lanes, high);
#pragma GCC unroll 8
        for (std::size_t t = 0; t != attention_tile; ++t) {
            lower[t] += q[d * attention_tile + t] * low;
            upper[t] += q[d * attention_tile + t] * high;
        }
    }
#pragma GCC unroll 8
    for (std::size_t t = 0; t != attention_tile; ++t) {
        store(lower[t], out + t * out_stride);
        store(upper[t], out + t * out_stride + lanes);
    }
}

/// Scores of whole blocks of positions to probabilities; positions from `visible` on get 0. In vectors by hand: GCC 12 leaves
/// the choice between seen and unseen to one number at a time.
[[gnu::always_inline]] inline void soften(float* scores, std::size_t visible, std::size_t positions, float scale)
{
    const ints index{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const auto unseen = static_cast<std::int32_t>(visible);
    floats highest = floats{} + scores[0], sums{};
    for (std::size_t first = 0; first != positions; first += lanes) {
        floats x;
        load(scores + first, x);
        x = index + static_cast<std::int32_t>(first) < unseen ? x : highest;
        highest = x > highest ? x : highest;
    }
    float top = highest[0];
    for (std::size_t i = 1; i != lanes; ++i)
        top = highest[i] > top ? highest[i] : top;
    for (std::size_t first = 0; first != positions; first += lanes) {
        float powers[lanes];
        for (std::size_t i = 0; i != lanes; ++i)
            powers[i] = exponential((scores[first + i] - top) * scale);
        floats x;
        load(powers, x);
        x = index + static_cast<std::int32_t>(first) < unseen ? x : floats{};
        sums += x;
        store(x, scores + first);
    }
    const float share = 1 / sum_of(sums);
    for (std::size_t j = 0; j < positions; ++j)
        scores[j] *= share;
}

/// Queries that mix together: with more, their weights' addresses would not fit into registers.
constexpr std::size_t mixed_queries = 4;

/// `vectors` vectors of columns, from `first` on, of mixed_queries outputs: out[t] [vectors * lanes] = weights[t] . values.
template <std::size_t vectors>
[[gnu::always_inline]] inline void mix_columns(const float* weights, std::span<const float* const> values, std::size_t stride,
                                               std::size_t first, std::size_t positions,
                                               float (&out)[mixed_queries][vectors * lanes])
{
    floats sums[mixed_queries * vectors] = {};
    for (std::size_t at = 0; at != positions; ++at) {
        const float* const row = values[at / attention_block] + at % attention_block * stride + first;
        floats columns[vectors];
#pragma GCC unroll 4
        for (std::size_t i = 0; i != vectors; ++i)
            load(row + i * lanes, columns[i]);
#pragma GCC unroll 4
        for (std::size_t t = 0; t != mixed_queries; ++t) {
            const float weight = weights[t * positions + at];
#pragma GCC unroll 4
            for (std::size_t i = 0; i != vectors; ++i)
                sums[t * vectors + i] += weight * columns[i];
        }
    }
#pragma GCC unroll 4
    for (std::size_t t = 0; t != mixed_queries; ++t)
#pragma GCC unroll 4
        for (std::size_t i = 0; i != vectors; ++i)
            store(sums[t * vectors + i], out[t] + i * lanes);
}

/// Outputs [head_dim] of mixed_queries queries or fewer.
[[gnu::always_inline]] inline void mix(std::span<const attention_query> queries, const float* weights,
                                       std::span<const float* const> values, std::size_t head_dim, std::size_t positions)
{
    constexpr std::size_t wide = 4, narrow = 2;
    const std::size_t stride = value_stride(head_dim);
    static_assert(value_stride(1) == narrow * lanes);
    for (std::size_t first = 0; first < head_dim;) {
        float out[mixed_queries][wide * lanes];
        float narrow_out[mixed_queries][narrow * lanes];
        const bool is_wide = first + wide * lanes <= stride;
        if (is_wide)
            mix_columns<wide>(weights, values, stride, first, positions, out);
        else
            mix_columns<narrow>(weights, values, stride, first, positions, narrow_out);
        const std::size_t count = std::min((is_wide ? wide : narrow) * lanes, head_dim - first);
        for (std::size_t t = 0; t != queries.size(); ++t)
            std::memcpy(queries[t].out + first, is_wide ? out[t] : narrow_out[t], count * sizeof(float));
        first += count;
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
void rotate(float* x, const float* cosines, const float* sines, std::size_t pairs)
{
    for (std::size_t i = 0; i < pairs; ++i) {
        const float a = x[i], b = x[i + pairs];
        x[i] = a * cosines[i] - b * sines[i];
        x[i + pairs] = b * cosines[i] + a * sines[i];
    }
}

WARMD_FOR_EACH_LEVEL
void silu_times(const float* gate, const float* up, float* out, std::size_t width)
{
    const auto each = [](const float* gates, const float* ups, float* to) __attribute__((always_inline)) {
        floats g, u;
        load(gates, g);
        load(ups, u);
        floats e = -g;
        exponentials(e);
        store(g / (1.0f + e) * u, to);
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

WARMD_FOR_EACH_LEVEL
void widen_bf16(const std::uint16_t* x, float* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i)
        y[i] = std::bit_cast<float>(static_cast<std::uint32_t>(x[i]) << 16);
}

WARMD_FOR_EACH_LEVEL
void narrow_bf16(const float* x, std::uint16_t* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]);
        const std::uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
        const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
        y[i] = static_cast<std::uint16_t>((is_nan ? bits | 0x400000u : rounded) >> 16);
    }
}

WARMD_FOR_EACH_LEVEL
void widen_fp16(const std::uint16_t* x, float* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i) {
        const std::uint32_t bits = x[i];
        // The exponent's bias differs by 112; multiplying normalises subnormals as well.
        const float magnitude = std::bit_cast<float>((bits & 0x7fffu) << 13) * 0x1p112f;
        const std::uint32_t special = (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u; // infinity, NaN
        y[i] = std::bit_cast<float>((bits & 0x8000u) << 16 | std::bit_cast<std::uint32_t>(magnitude) | special);
    }
}

WARMD_FOR_EACH_LEVEL
void add(const float* x, float* y, std::size_t width)
{
    for (std::size_t i = 0; i < width; ++i)
        y[i] += x[i];
}

WARMD_FOR_EACH_LEVEL
void add_product(const float* x, const float* b, std::size_t rank, std::size_t stride, float factor, float* y, std::size_t width)
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
void reduce(const std::array<const float*, reduced_rows>& x, const float* a, std::size_t in, std::size_t ranks,
            const std::array<float*, reduced_rows>& y)
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
void attend(std::span<const attention_query> queries, std::span<const float* const> keys, std::span<const float* const> values,
            std::size_t head_dim, float* scratch)
{
    std::size_t visible = 0;
    float* const q = scratch; // [head_dim, attention_tile]; a short tile repeats its last query
    for (std::size_t t = 0; t != attention_tile; ++t) {
        const attention_query& query = queries[std::min(t, queries.size() - 1)];
        for (std::size_t d = 0; d != head_dim; ++d)
            q[d * attention_tile + t] = query.q[d];
        visible = std::max(visible, query.visible);
    }
    const std::size_t blocks = (visible + attention_block - 1) / attention_block;
    const std::size_t positions = blocks * attention_block;
    float* const scores = scratch + head_dim * attention_tile; // [attention_tile, positions]
    for (std::size_t block = 0; block != blocks; ++block)
        score_block(q, keys[block], head_dim, scores + block * attention_block, positions);
    const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
    for (std::size_t t = 0; t != attention_tile; ++t)
        soften(scores + t * positions, queries[std::min(t, queries.size() - 1)].visible, positions, scale);
    for (std::size_t first = 0; first < queries.size(); first += mixed_queries)
        mix(queries.subspan(first, std::min(mixed_queries, queries.size() - first)), scores + first * positions, values, head_dim,
            positions);
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
        const float chance = (static_cast<float>(static_cast<std::int32_t>(hash >> 41)) + 0.5f) * 0x1p-23f; // in (0, 1)
        const float turn = static_cast<float>(static_cast<std::int32_t>(hash & 0xffffffu)) * 0x1p-24f - 0.5f;
        out[i] = std::sqrt(-2 * logarithm(chance)) * sine_of_turns(0.25f - std::abs(turn)); // cosine of the turn
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

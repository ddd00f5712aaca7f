#include "hf/compute/product_avx512bf16.hpp"

#include "hf/compute/avx512.hpp"
#include "hf/compute/product_loops.hpp"

#include <cstring>

namespace warmd::hf {

using namespace avx512;

namespace {

/// A pair of inputs of one row, in all lanes.
WARMD_AVX512 [[gnu::always_inline]] inline __m512bh pair_at(const std::uint16_t* x)
{
    std::int32_t pair = 0;
    std::memcpy(&pair, x, sizeof pair);
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

struct kernel {
    using number = std::uint16_t;
    static constexpr std::size_t vectors = 2, block = vectors * lanes, most_rows = 12, unit = 2,
                                 unit_bytes = unit * block * sizeof(number);
    static_assert(block == avx512bf16_block);

    /// sum += x [rows, 2 * pairs] times so many pairs of inputs.
    template <std::size_t rows, std::size_t width>
    WARMD_AVX512 [[gnu::always_inline]] static void add_pairs(const operands<number>& of,
                                                              std::size_t pairs,
                                                              __m512 (&sum)[rows][width])
    {
        for (std::size_t i = 0; i != pairs; ++i) {
            if constexpr (width == vectors)
                of.template ask_ahead<unit_bytes>(i);
            __m512bh w[width];
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                w[v] = reinterpret_cast<__m512bh>(
                    _mm512_loadu_ps(of.weights + v / vectors * of.apart + i * unit_bytes +
                                    v % vectors * sizeof(__m512bh)));
#pragma GCC unroll 16
            for (std::size_t r = 0; r != rows; ++r) {
                const __m512bh times = pair_at(of.x + r * of.x_stride + 2 * i);
#pragma GCC unroll 16
                for (std::size_t v = 0; v != width; ++v)
                    sum[r][v] = _mm512_dpbf16_ps(sum[r][v], times, w[v]);
            }
        }
    }

    template <std::size_t rows, std::size_t blocks, sums from>
    WARMD_AVX512 static void add(const operands<number>& of)
    {
        constexpr std::size_t width = blocks * vectors;
        __m512 sum[rows][width];
#pragma GCC unroll 16
        for (std::size_t r = 0; r != rows; ++r)
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                sum[r][v] = from == sums::begin
                                ? _mm512_setzero_ps()
                                : _mm512_loadu_ps(of.y + r * of.y_stride + v * lanes);
        const std::size_t pairs = of.count / 2;
        add_pairs(of, pairs, sum);
        if (of.count % 2 != 0) { // what follows a row's last number may be anything
            number last[rows][2] = {};
            for (std::size_t r = 0; r != rows; ++r)
                last[r][0] = of.x[r * of.x_stride + 2 * pairs];
            operands<number> rest = of;
            rest.x = last[0];
            rest.x_stride = 2;
            rest.weights += pairs * unit_bytes;
            add_pairs(rest, 1, sum);
        }
#pragma GCC unroll 16
        for (std::size_t r = 0; r != rows; ++r)
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                _mm512_storeu_ps(of.y + r * of.y_stride + v * lanes, sum[r][v]);
    }
};

} // namespace

void multiply_avx512bf16(const std::uint16_t* x, std::size_t rows, const std::byte* blocks,
                         std::size_t in, std::size_t outs, float* y, std::size_t y_stride)
{
    product_loops<kernel>::multiply(x, rows, blocks, in, outs, y, y_stride);
}

} // namespace warmd::hf

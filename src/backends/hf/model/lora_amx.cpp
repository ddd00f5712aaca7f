#include "hf/model/lora_amx.hpp"

#include "hf/compute/amx.hpp"
#include "hf/model/lora_amx_layout.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#if defined(__x86_64__)

namespace warmd::hf {

using namespace amx;
using namespace lora_layout;

namespace {

/// 8 numbers of x A^T, times their factor, as 16 pairs (upper, lower).
WARMD_AMX [[gnu::always_inline]] inline void put_reduced(const float* columns, float factor,
                                                         std::byte* to)
{
    const __m256 sum =
        (_mm256_load_ps(columns) + _mm256_load_ps(columns + eight)) * _mm256_set1_ps(factor);
    const __m256i upper = _mm256_slli_epi32(
        _mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(_mm256_cvtneps_pbh(sum))), 16);
    const __m256 rest = sum - _mm256_castsi256_ps(upper);
    const __m256i lower =
        _mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(_mm256_cvtneps_pbh(rest)));
    const __m256i pairs =
        _mm256_or_si256(_mm256_srli_epi32(upper, 16), _mm256_slli_epi32(lower, 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), pairs);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + row_bytes / 2), pairs);
}

/// x [tile_rows or fewer, in], and its last step if that is not a whole one: padded with zeros, as
/// the next row's numbers may be anything.
struct inputs {
    const std::byte* x;
    std::size_t row; // bytes
    std::size_t whole_steps;
    alignas(64) std::array<std::byte, tile_rows * row_bytes> last{};

    inputs(const std::uint16_t* from, std::size_t in, std::size_t rows)
        : x(reinterpret_cast<const std::byte*>(from)), row(in * sizeof *from),
          whole_steps(in / step)
    {
        for (std::size_t r = 0; in % step != 0 && r != rows; ++r)
            std::memcpy(&last[r * row_bytes], from + r * in + whole_steps * step,
                        in % step * sizeof *from);
        write_out();
    }
};

/// Up to two eights of ranks of up to tile_rows rows: sums [tile_rows, 32].
template <bool both, bool wide>
WARMD_AMX void reduce_eights(const inputs& from, std::size_t steps, const std::byte* a,
                             std::byte* sums)
{
    constexpr std::size_t a_step = (wide ? 2 : 1) * register_bytes;
    clear_sums<both, wide>();
    for (std::size_t s = 0; s != from.whole_steps; ++s)
        multiply<both, wide>(from.x + s * row_bytes, from.row, a + s * a_step);
    if (steps != from.whole_steps)
        multiply<both, wide>(from.last.data(), row_bytes, a + from.whole_steps * a_step);
    move_sums<to_memory, both, wide>(sums);
}

/// What the numbers of each eight ranks are multiplied with.
void factors_of(const lora_linear& by, double scale, std::vector<float>& factors)
{
    factors.clear();
    for (const lora_linear::part& part : by.parts)
        factors.insert(factors.end(), eights_of(part.rank),
                       static_cast<float>(static_cast<double>(part.scaling) * scale));
}

template <bool both>
WARMD_AMX void reduce_tile(const lora_linear& by, const inputs& from, std::size_t steps,
                           std::size_t rows, std::span<const float> factors, std::byte* to,
                           std::size_t stride)
{
    alignas(64) std::array<float, tile_rows * step> sums;
    const tile_configuration configuration(rows);
    write_out();
    _tile_loadconfig(&configuration);
    for (std::size_t first = 0; first < factors.size(); first += 2) {
        const std::size_t width = std::min<std::size_t>(2, factors.size() - first);
        const std::byte* const a = by.a_tiles + a_place(factors.size(), first, steps, 0);
        if (width == 2)
            reduce_eights<both, true>(from, steps, a, reinterpret_cast<std::byte*>(sums.data()));
        else
            reduce_eights<both, false>(from, steps, a, reinterpret_cast<std::byte*>(sums.data()));
        for (std::size_t r = 0; r != rows; ++r)
            for (std::size_t i = 0; i != width; ++i)
                put_reduced(&sums[r * step + i * register_rows], factors[first + i],
                            to + r * stride + (first + i) * row_bytes);
    }
    _tile_release();
}

/// What add_by_amx() adds to up to tile_rows rows of y.
struct addition {
    const std::byte* reduced;
    std::size_t stride;
    std::size_t eights;
    const std::byte* b;
    std::size_t b_row; // bytes
    float* y;
    std::size_t y_stride;

    const std::byte* b_at(std::size_t eight_ranks, std::size_t column) const
    {
        return b + eight_ranks * register_rows * b_row + column * sizeof(std::uint32_t);
    }
};

/// 16 columns, or with `wide` 32. `is_loaded`: the rows are in registers 4 and 5 already.
template <bool both, bool wide>
WARMD_AMX [[gnu::always_inline]] inline void add_columns(const addition& of, std::size_t column,
                                                         bool is_loaded)
{
    const std::size_t y_row = of.y_stride * sizeof(float);
    auto* const y = reinterpret_cast<std::byte*>(of.y + column);
    move_sums<from_memory, both, wide>(y, y_row);
    for (std::size_t i = 0; i != of.eights; ++i) {
        if (!is_loaded) {
            _tile_loadd(4, of.reduced + i * row_bytes, of.stride);
            if constexpr (both)
                _tile_loadd(5, of.reduced + register_rows * of.stride + i * row_bytes, of.stride);
        }
        _tile_loadd(6, of.b_at(i, column), of.b_row);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (both)
            _tile_dpbf16ps(2, 5, 6);
        if constexpr (wide) {
            _tile_loadd(7, of.b_at(i, column + register_rows), of.b_row);
            _tile_dpbf16ps(1, 4, 7);
        }
        if constexpr (both && wide)
            _tile_dpbf16ps(3, 5, 7);
    }
    move_sums<to_memory, both, wide>(y, y_row);
}

/// Columns [0, count) of y.
template <bool both>
WARMD_AMX void add_tile(const addition& of, std::size_t rows, std::size_t count)
{
    const tile_configuration whole(rows);
    write_out();
    _tile_loadconfig(&whole);
    std::size_t column = 0;
    for (; column + 2 * register_rows <= count; column += 2 * register_rows)
        add_columns<both, true>(of, column, of.eights == 1 && column != 0);
    for (; column + register_rows <= count; column += register_rows)
        add_columns<both, false>(of, column, false);
    if (column != count) {
        const tile_configuration rest(rows, count - column);
        write_out();
        _tile_loadconfig(&rest);
        add_columns<both, false>(of, column, false);
    }
    _tile_release();
}

} // namespace

std::size_t reduced_bytes(const lora_linear& by) { return by.eights * row_bytes; }

void reduce_by_amx(const lora_linear& by, const std::uint16_t* x, std::size_t in, std::size_t rows,
                   double scale, std::byte* to, std::size_t stride)
{
    thread_local std::vector<float> factors;
    factors_of(by, scale, factors);
    for (std::size_t first = 0; first < rows; first += tile_rows) {
        const std::size_t count = std::min(tile_rows, rows - first);
        const inputs from(x + first * in, in, count);
        if (count > register_rows)
            reduce_tile<true>(by, from, steps_of(in), count, factors, to + first * stride, stride);
        else
            reduce_tile<false>(by, from, steps_of(in), count, factors, to + first * stride, stride);
    }
}

void add_by_amx(const lora_linear::part& part, const std::byte* reduced, std::size_t stride,
                std::size_t rows, std::size_t first, std::size_t count, float* y,
                std::size_t y_stride)
{
    for (std::size_t r = 0; r < rows; r += tile_rows) {
        const addition of{.reduced = reduced + r * stride + part.first_eight * row_bytes,
                          .stride = stride,
                          .eights = eights_of(part.rank),
                          .b = part.b_tiles + first * sizeof(std::uint32_t),
                          .b_row = padded(part.out) * sizeof(std::uint32_t),
                          .y = y + r * y_stride,
                          .y_stride = y_stride};
        const std::size_t some = std::min(tile_rows, rows - r);
        if (some > register_rows)
            add_tile<true>(of, some, count);
        else
            add_tile<false>(of, some, count);
    }
}

} // namespace warmd::hf

#else

namespace warmd::hf {

std::size_t reduced_bytes(const lora_linear&) { return 0; }
void reduce_by_amx(const lora_linear&, const std::uint16_t*, std::size_t, std::size_t, double,
                   std::byte*, std::size_t)
{
}
void add_by_amx(const lora_linear::part&, const std::byte*, std::size_t, std::size_t, std::size_t,
                std::size_t, float*, std::size_t)
{
}

} // namespace warmd::hf

#endif

#pragma once
// The processor's tile registers (AMX: Intel Architecture Instruction Set Extensions, chapter 3),
// for attention and LoRA.
//
// A register has 16 rows of 64 bytes. One product is C [16, 16] fp32 += A [16, 32] bf16 times B
// [32, 16] bf16, with B's rows in pairs: [16][16][2]. Each element of C is summed in one order,
// whatever the other rows hold.

#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

// What the compiler may use in functions that are called only if amx_is_permitted()
// (processor.hpp).
#define WARMD_AMX                                                                                  \
    [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,bmi2,amx-tile,amx-bf16")]]

namespace warmd::hf::amx {

inline constexpr std::size_t register_rows = 16, row_bytes = 64,
                             register_bytes = register_rows * row_bytes;
inline constexpr std::size_t step = 32; // what one product sums over
inline constexpr std::size_t tile_rows =
    2 * register_rows; // of two registers of A: with two of B, each is used twice

/// The operand of LDTILECFG: rows of each register and their bytes.
struct alignas(64) tile_configuration {
    std::uint8_t palette = 1, start_row = 0;
    std::array<std::uint8_t, 14> reserved{};
    std::array<std::uint16_t, 16> bytes{};
    std::array<std::uint8_t, 16> rows{};

    /// Registers 0 and 1: C of the first 16 rows, 2 and 3: of those above; 4 and 5: A of the same;
    /// 6 and 7: B. C and B have so many columns.
    explicit tile_configuration(std::size_t of_rows, std::size_t columns = register_rows)
    {
        const auto lower = static_cast<std::uint8_t>(std::min(of_rows, register_rows));
        const auto upper = static_cast<std::uint8_t>(of_rows - lower);
        rows = {lower, lower, upper, upper, lower, upper, register_rows, register_rows};
        for (std::size_t i = 0; i != rows.size(); ++i)
            bytes[i] = static_cast<std::uint16_t>(rows[i] == 0       ? 0
                                                  : i == 4 || i == 5 ? row_bytes
                                                                     : columns * sizeof(float));
    }
};
static_assert(sizeof(tile_configuration) == 64);

/// The compiler does not know what tile instructions read (GCC 12): what was written before is in
/// memory after this.
[[gnu::always_inline]] inline void write_out() { asm volatile("" ::: "memory"); }

/// C = 0. `both`: there are more than 16 rows. `wide`: there are 32 columns, not 16.
template <bool both, bool wide = true>
WARMD_AMX [[gnu::always_inline]] inline void clear_sums()
{
    _tile_zero(0);
    if constexpr (wide)
        _tile_zero(1);
    if constexpr (both)
        _tile_zero(2);
    if constexpr (both && wide)
        _tile_zero(3);
}

/// C += A [rows, step] times B [step, columns], whose registers follow one another; A's rows are
/// `a_stride` bytes apart.
template <bool both, bool wide = true>
WARMD_AMX [[gnu::always_inline]] inline void multiply(const std::byte* a, std::size_t a_stride,
                                                      const std::byte* b)
{
    _tile_loadd(6, b, row_bytes);
    _tile_loadd(4, a, a_stride);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (wide) {
        _tile_loadd(7, b + register_bytes, row_bytes);
        _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (both) {
        _tile_loadd(5, a + register_rows * a_stride, a_stride);
        _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (both && wide)
        _tile_dpbf16ps(3, 5, 7);
}

/// One register from memory or to it, rows `stride` bytes apart. The compiler's own functions take
/// its number only as a literal.
struct from_memory {
    template <int which>
    WARMD_AMX [[gnu::always_inline]] static void move(std::byte* at, std::size_t stride)
    {
        asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(at), "r"(stride), "i"(which));
    }
};
struct to_memory {
    template <int which>
    WARMD_AMX [[gnu::always_inline]] static void move(std::byte* at, std::size_t stride)
    {
        asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(at), "r"(stride), "i"(which)
                     : "memory");
    }
};
/// C; rows are `stride` bytes apart, or 32 columns.
template <class Where, bool both, bool wide = true>
WARMD_AMX [[gnu::always_inline]] inline void move_sums(std::byte* memory,
                                                       std::size_t stride = 2 * row_bytes)
{
    Where::template move<0>(memory, stride);
    if constexpr (wide)
        Where::template move<1>(memory + row_bytes, stride);
    if constexpr (both)
        Where::template move<2>(memory + register_rows * stride, stride);
    if constexpr (both && wide)
        Where::template move<3>(memory + register_rows * stride + row_bytes, stride);
}

/// The first `count` of 32 numbers rounded to bf16, the others 0.
WARMD_AMX [[gnu::always_inline]] inline __m512bh narrow(const float* from, std::size_t count)
{
    const auto some = _bzhi_u32(~0u, static_cast<std::uint32_t>(std::min(count, step)));
    const __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(some), from);
    const __m512 high =
        _mm512_maskz_loadu_ps(static_cast<__mmask16>(some >> 16), from + register_rows);
    return _mm512_cvtne2ps_pbh(high, low);
}

} // namespace warmd::hf::amx

#endif

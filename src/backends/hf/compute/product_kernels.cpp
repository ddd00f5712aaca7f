// Compiled again for each instruction set: what is in HWY_NAMESPACE is of one of them.

// All there are, also where the compiler was told of one processor. None with SSSE3 lacks SSE4
// today.
#define HWY_COMPILE_ALL_ATTAINABLE
#define HWY_DISABLED_TARGETS HWY_SSSE3

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hf/compute/product_kernels.cpp"

#include "hf/compute/product_kernels.hpp"

#include <hwy/foreach_target.h> // before highway.h

#include "hf/compute/product_avx512bf16.hpp"
#include "hf/compute/product_loops.hpp"
#include "hf/compute/quantized_unit.hpp"

#include <hwy/highway.h>

#include <array>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace warmd::hf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using floats = hn::ScalableTag<float>; // a whole register of them
constexpr std::size_t lanes = hn::MaxLanes(floats());

/// Two vectors of columns: with twelve rows (six where there are sixteen registers) all sums stay
/// in registers, and each number that is loaded is used several times.
constexpr std::size_t vectors = 2;

constexpr std::size_t columns = vectors * lanes; // of a block

/// Weights in fp32, which is what a sum takes.
struct wide {
    static constexpr std::size_t inputs = 1, bytes = sizeof(float);
    static constexpr std::size_t most_rows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;

    template <std::size_t width>
    struct unit {
        const std::byte* at;
        std::size_t apart;

        HWY_INLINE hn::Vec<floats> operator()(std::size_t v, std::size_t) const
        {
            return hn::LoadU(floats(), reinterpret_cast<const float*>(at + v / vectors * apart) +
                                           v % vectors * lanes);
        }
    };
};

/// In bf16: exact when widened.
struct narrow {
    static constexpr std::size_t inputs = 1, bytes = sizeof(hwy::bfloat16_t);
    static constexpr std::size_t most_rows = wide::most_rows;

    template <std::size_t width>
    struct unit {
        const std::byte* at;
        std::size_t apart;

        HWY_INLINE hn::Vec<floats> operator()(std::size_t v, std::size_t) const
        {
            const hn::Rebind<hwy::bfloat16_t, floats> d;
            const auto* const from =
                reinterpret_cast<const hwy::bfloat16_t*>(at + v / vectors * apart);
            return hn::PromoteTo(floats(), hn::LoadU(d, from + v % vectors * lanes));
        }
    };
};

/// `columns` numbers in fp16, of which vector v is wanted.
HWY_INLINE hn::Vec<floats> load_fp16(const std::byte* from, std::size_t v)
{
    const hn::Rebind<hwy::float16_t, floats> d;
    return hn::PromoteTo(floats(),
                         hn::LoadU(d, reinterpret_cast<const hwy::float16_t*>(from) + v * lanes));
}

/// A block has scales [columns], and then q [inputs, columns].
struct int8 {
    static constexpr std::size_t inputs = quantized_inputs, bytes = sizeof(std::uint16_t) + inputs;
    static constexpr std::size_t most_rows = HWY_TARGET <= HWY_AVX3 ? 12 : 5;

    template <std::size_t width>
    struct unit {
        const std::byte* at;
        std::size_t apart;
        hn::Vec<floats> scale[width];

        HWY_INLINE unit(const std::byte* from, std::size_t between) : at(from), apart(between)
        {
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                scale[v] = load_fp16(at + v / vectors * apart, v % vectors);
        }
        HWY_INLINE hn::Vec<floats> operator()(std::size_t v, std::size_t input) const
        {
            const hn::Rebind<std::int8_t, floats> d;
            const hn::Rebind<std::int32_t, floats> whole;
            const auto* const q = reinterpret_cast<const std::int8_t*>(at + v / vectors * apart) +
                                  columns * (sizeof(std::uint16_t) + input) + v % vectors * lanes;
            return hn::Mul(scale[v],
                           hn::ConvertTo(floats(), hn::PromoteTo(whole, hn::LoadU(d, q))));
        }
    };
};

/// A block has scales [columns], minima [columns], and then bytes [inputs / 2, columns] of two
/// inputs each, the first in the lower half.
struct int4 {
    static constexpr std::size_t inputs = quantized_inputs,
                                 bytes = 2 * sizeof(std::uint16_t) + inputs / 2;
    static constexpr std::size_t most_rows = HWY_TARGET <= HWY_AVX3 ? 11 : 4;

    template <std::size_t width>
    struct unit {
        const std::byte* at;
        std::size_t apart;
        hn::Vec<floats> scale[width], minimum[width];

        HWY_INLINE unit(const std::byte* from, std::size_t between) : at(from), apart(between)
        {
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v) {
                scale[v] = load_fp16(at + v / vectors * apart, v % vectors);
                minimum[v] = load_fp16(at + v / vectors * apart, vectors + v % vectors);
            }
        }
        HWY_INLINE hn::Vec<floats> operator()(std::size_t v, std::size_t input) const
        {
            const hn::Rebind<std::uint8_t, floats> d;
            const hn::Rebind<std::int32_t, floats> whole;
            const auto* const pairs =
                reinterpret_cast<const std::uint8_t*>(at + v / vectors * apart) +
                columns * (2 * sizeof(std::uint16_t) + input / 2) + v % vectors * lanes;
            const auto both = hn::PromoteTo(whole, hn::LoadU(d, pairs));
            const auto q =
                hn::And(input % 2 == 0 ? both : hn::ShiftRight<4>(both), hn::Set(whole, 15));
            return hn::MulAdd(scale[v], hn::ConvertTo(floats(), q), minimum[v]);
        }
    };
};

/// Rows in fp32; weights as Stored has them.
template <class Stored>
struct kernel {
    using number = float;
    static constexpr std::size_t block = columns, most_rows = Stored::most_rows,
                                 unit = Stored::inputs, unit_bytes = block * Stored::bytes;

    template <std::size_t rows, std::size_t blocks, sums from>
    static void add(const operands<float>& of)
    {
        constexpr std::size_t width = blocks * vectors;
        const floats d;
        hn::Vec<floats> sum[rows][width];
#pragma GCC unroll 16
        for (std::size_t r = 0; r != rows; ++r)
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                sum[r][v] = from == sums::begin ? hn::Zero(d)
                                                : hn::LoadU(d, of.y + r * of.y_stride + v * lanes);
        for (std::size_t first = 0; first < of.count; first += unit) {
            const std::size_t at = first / unit;
            if constexpr (blocks == 1)
                of.template ask_ahead<unit_bytes>(at);
            const typename Stored::template unit<width> weights{of.weights + at * unit_bytes,
                                                                of.apart};
            const std::size_t last = std::min(first + unit, of.count);
            for (std::size_t i = first; i != last; ++i) {
                hn::Vec<floats> w[width];
#pragma GCC unroll 16
                for (std::size_t v = 0; v != width; ++v)
                    w[v] = weights(v, i - first);
#pragma GCC unroll 16
                for (std::size_t r = 0; r != rows; ++r) {
                    const auto times = hn::Set(d, of.x[r * of.x_stride + i]);
#pragma GCC unroll 16
                    for (std::size_t v = 0; v != width; ++v)
                        sum[r][v] = hn::MulAdd(times, w[v], sum[r][v]);
                }
            }
        }
#pragma GCC unroll 16
        for (std::size_t r = 0; r != rows; ++r)
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                hn::StoreU(sum[r][v], d, of.y + r * of.y_stride + v * lanes);
    }
};

constexpr product_kernels table(product_kernel<std::uint16_t> bf16 = nullptr)
{
    return {columns,
            &product_loops<kernel<wide>>::multiply,
            &product_loops<kernel<narrow>>::multiply,
            &product_loops<kernel<int8>>::multiply,
            &product_loops<kernel<int4>>::multiply,
            bf16};
}

} // namespace warmd::hf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace warmd::hf {

const product_kernels& kernels_of(instruction_set which)
{
    static constexpr std::array tables
    {
        HWY_STATIC_DISPATCH(table)
        (),
#if HWY_ARCH_X86
            N_SSE4::table(), N_AVX2::table(), N_AVX3::table(), N_AVX3::table(&multiply_avx512bf16),
#endif
    };
    return tables[static_cast<std::size_t>(which)];
}

} // namespace warmd::hf

#endif

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

/// Rows and weights in fp32.
struct kernel {
    using number = float;
    static constexpr std::size_t block = vectors * lanes,
                                 most_rows = HWY_TARGET <= HWY_AVX3 ? 12 : 6, unit = 1;

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
        for (std::size_t i = 0; i != of.count; ++i) {
            if constexpr (blocks == 1)
                of.template ask_ahead<block * sizeof(float)>(i);
            hn::Vec<floats> w[width];
#pragma GCC unroll 16
            for (std::size_t v = 0; v != width; ++v)
                w[v] = hn::LoadU(d, of.weights + v / vectors * of.apart + i * block +
                                        v % vectors * lanes);
#pragma GCC unroll 16
            for (std::size_t r = 0; r != rows; ++r) {
                const auto times = hn::Set(d, of.x[r * of.x_stride + i]);
#pragma GCC unroll 16
                for (std::size_t v = 0; v != width; ++v)
                    sum[r][v] = hn::MulAdd(times, w[v], sum[r][v]);
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
    return {kernel::block, &product_loops<kernel>::multiply, bf16};
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

#pragma once
// The inner loops of matrix products, for each instruction set.
//
// An element of a product is one sum over the inputs from the first to the last, each step of it
// one rounding (a fused multiplication and addition; two roundings on processors that have none):
// nothing that is computed beside it can change a bit. In fp32 the bits are the same on all
// instruction sets that fuse.
//
// Weights [outs, in] stand in blocks of columns, all inputs of a block one after the other [in,
// block], the last block filled up with zeros. In bf16 times bf16 inputs stand in pairs [in / 2,
// block, 2], the last pair filled up with a zero; quantized, in units (quantized_unit.hpp): scales
// [block], in 4 bits minima [block], and q [32, block], in 4 bits two inputs to a byte.

#include "hf/compute/processor.hpp"

#include <cstddef>
#include <cstdint>

namespace warmd::hf {

/// y [rows, outs] = x [rows, in] times blocks of weights; rows of y are y_stride apart.
template <class Number>
using product_kernel = void (*)(const Number* x, std::size_t rows, const std::byte* blocks,
                                std::size_t in, std::size_t outs, float* y, std::size_t y_stride);

/// For one instruction set.
struct product_kernels {
    std::size_t block; ///< columns; a multiple of a cache line
    product_kernel<float> fp32, fp32_bf16, fp32_int8, fp32_int4; ///< rows and weights
    product_kernel<std::uint16_t> bf16; ///< null: none; subnormal numbers count as 0
};

/// REQUIRES: the processor has it.
const product_kernels& kernels_of(instruction_set which);

} // namespace warmd::hf

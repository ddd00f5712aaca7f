#pragma once
// Panels that are packed and multiplied here (product_kernels.hpp), without a library.

#include "hf/compute/panel.hpp"
#include "hf/compute/product_kernels.hpp"

#include <cstddef>
#include <memory>

namespace warmd::hf {

/// Rows and weights in fp32.
std::unique_ptr<panel_layout> make_fp32_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by);
/// Rows in fp32, weights in bf16.
std::unique_ptr<panel_layout> make_widening_panel(std::size_t in, std::size_t outs,
                                                  const product_kernels& by);
/// Rows in fp32, weights quantized.
std::unique_ptr<panel_layout> make_int8_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by);
std::unique_ptr<panel_layout> make_int4_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by);
/// Rows and weights in bf16. REQUIRES: by.bf16.
std::unique_ptr<panel_layout> make_bf16_panel(std::size_t in, std::size_t outs,
                                              const product_kernels& by);

} // namespace warmd::hf

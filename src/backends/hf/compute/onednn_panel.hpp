#pragma once
// Panels in bf16 that oneDNN packs and multiplies: where there is AMX, it is the faster one.
//
// That a row is the same to the bit whatever it is multiplied with is a property of oneDNN 2.6 on
// such machines, in tiles of the heights that follow (hf_matmul_test), and not a promise of the
// library.

#include "hf/compute/matmul.hpp"
#include "hf/compute/panel.hpp"

#include <array>
#include <cstddef>
#include <memory>

namespace warmd::hf {

/// Rows that a tile can have.
inline constexpr std::array<std::size_t, 7> heights{
    1, 2, 4, 8, 16, 32, matmul_engine::most_padding + 1};

/// The height of the tile for `rows` rows of `in` numbers times `outs` columns: the least that has
/// room, or one at which no sum differs in its last bit.
std::size_t height_of(std::size_t rows, std::size_t in, std::size_t outs);

std::unique_ptr<panel_layout> make_onednn_panel(std::size_t in, std::size_t outs);

} // namespace warmd::hf

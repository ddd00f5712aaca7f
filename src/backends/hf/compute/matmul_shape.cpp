#include "hf/compute/matmul_shape.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

constexpr std::size_t block = 64;            // columns that the library packs together
constexpr std::size_t panel_bytes = 1 << 20; // half of a core's own cache, the rest is for x and y
constexpr std::size_t widest_panel = 1024;

/// How many blocks of columns each panel of a strand gets: as equal shares as possible, an even
/// number of panels where there are several blocks, so that two threads have the same.
std::vector<std::size_t> panel_blocks(const matrix_shape& shape, std::size_t weight_bytes)
{
    const std::size_t outs = shape.out / shape.strands, blocks = (outs + block - 1) / block;
    const std::size_t most =
        std::clamp<std::size_t>(panel_bytes / (shape.in * shape.strands * weight_bytes * block), 1,
                                widest_panel / block / shape.strands);
    std::size_t panels = (blocks + most - 1) / most;
    panels = std::min(blocks, (panels + 1) / 2 * 2);
    std::vector<std::size_t> each(panels, blocks / panels);
    for (std::size_t i = 0; i != blocks % panels; ++i)
        ++each[i];
    return each;
}

} // namespace

matmul_shape::matmul_shape(const matrix_shape& shape, const weight_format& format)
    : shape_(shape), format_(format)
{
    const std::size_t outs = shape.out / shape.strands;
    std::size_t first = 0;
    for (const std::size_t blocks : panel_blocks(shape, format.weight_bytes())) {
        const std::size_t count = std::min(blocks * block, outs - first);
        auto& layout = layouts_[shape.strands * count];
        if (!layout)
            layout = format.panel(shape.in, shape.strands * count);
        panels_.push_back({first, count, bytes_, layout.get()});
        bytes_ += layout->bytes();
        first += count;
    }
}

void matmul_shape::prepare(std::size_t rows, std::span<tile_room> rooms) const
{
    std::uint64_t scratch = 0;
    for (const auto& [outs, layout] : layouts_)
        for (const std::size_t tile :
             {std::min(rows, matmul_engine::band_rows), (rows - 1) % matmul_engine::band_rows + 1})
            scratch = std::max(scratch, layout->prepare(tile, rooms.size()));
    constexpr std::size_t most_rows = matmul_engine::most_padding + 1;
    for (tile_room& each : rooms)
        each.make(most_rows * layouts_.rbegin()->first * sizeof(float), scratch);
}

} // namespace warmd::hf

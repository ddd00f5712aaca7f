#include "hf/compute/matmul_shape.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

constexpr std::size_t block = 64;            // columns that the library packs together
constexpr std::size_t panel_bytes = 1 << 20; // half of a core's own cache, the rest is for x and y
constexpr std::size_t widest_panel = 1024;

/// How many blocks of columns each panel of a strand gets: as equal shares as possible, an even
/// number of panels where there are several blocks, so that two threads have the same.
std::vector<std::size_t> panel_blocks(const matrix_shape& shape, precision of)
{
    const std::size_t width = of == precision::bf16 ? 2 : 4;
    const std::size_t outs = shape.out / shape.strands, blocks = (outs + block - 1) / block;
    const std::size_t most =
        std::clamp<std::size_t>(panel_bytes / (shape.in * shape.strands * width * block), 1,
                                widest_panel / block / shape.strands);
    std::size_t panels = (blocks + most - 1) / most;
    panels = std::min(blocks, (panels + 1) / 2 * 2);
    std::vector<std::size_t> each(panels, blocks / panels);
    for (std::size_t i = 0; i != blocks % panels; ++i)
        ++each[i];
    return each;
}

} // namespace

matmul_shape::matmul_shape(const dnnl::engine& engine, const matrix_shape& shape, precision of)
    : shape_(shape), of_(of)
{
    const std::size_t outs = shape.out / shape.strands;
    std::size_t first = 0;
    for (const std::size_t blocks : panel_blocks(shape, of)) {
        const std::size_t count = std::min(blocks * block, outs - first);
        auto& product = products_[shape.strands * count];
        if (!product)
            product = std::make_unique<panel_product>(engine, shape.in, shape.strands * count, of);
        panels_.push_back({first, count, bytes_, product.get()});
        bytes_ += product->bytes();
        first += count;
    }
}

std::uint64_t matmul_shape::prepare(std::size_t rows) const
{
    std::uint64_t scratch = 0;
    for (const auto& [outs, product] : products_) {
        product->prepare(height_of(rows, shape_.in, outs, of_));
        product->prepare(
            height_of((rows - 1) % matmul_engine::band_rows + 1, shape_.in, outs, of_));
        scratch = std::max(scratch, product->most_scratch());
    }
    return scratch;
}

} // namespace warmd::hf

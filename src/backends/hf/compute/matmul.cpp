#include "hf/compute/matmul.hpp"

#include "hf/compute/matmul_shape.hpp"
#include "hf/compute/threads.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

namespace warmd::hf {

struct packed_matrix::packed {
    std::shared_ptr<const matmul_shape> shape;
    std::vector<std::unique_ptr<const packed_panel>> panels; // a panel's strands after one another
};

struct matmul_engine::state {
    using kind = std::pair<matrix_shape, const weight_format*>;

    std::map<kind, std::weak_ptr<matmul_shape>> shapes; // alive while a matrix has them
    std::map<kind, std::uint64_t> sizes;                // packed; what was once asked
    thread_team& team;
    std::vector<tile_room> rooms; // by thread

    explicit state(thread_team& of) : team(of)
    {
        for (std::size_t i = 0; i != team.size(); ++i)
            rooms.emplace_back(i);
    }
};

matmul_engine::matmul_engine(thread_team& team) : state_(std::make_unique<state>(team)) {}
matmul_engine::~matmul_engine() = default;
thread_team& matmul_engine::team() const { return state_->team; }

std::shared_ptr<matmul_shape> matmul_engine::panels_of(const matrix_shape& shape,
                                                       const weight_format& format)
{
    BOOST_ASSERT(shape.in != 0 && shape.out != 0 && shape.strands <= 2 &&
                 shape.out % shape.strands == 0);
    std::weak_ptr<matmul_shape>& known = state_->shapes[{shape, &format}];
    std::shared_ptr<matmul_shape> made = known.lock();
    if (!made)
        known = made = std::make_shared<matmul_shape>(shape, format);
    return made;
}

std::uint64_t matmul_engine::packed_bytes(const matrix_shape& shape, const weight_format& format)
{
    std::uint64_t& known = state_->sizes[{shape, &format}];
    if (known == 0)
        known = panels_of(shape, format)->bytes();
    return known;
}

namespace {

/// The weights of a panel below one another: where they are, or gathered from the strands in
/// `room`.
const std::byte* rows_of(std::span<const std::byte> weights, std::size_t row_bytes,
                         const matrix_shape& shape, const matmul_shape::panel& panel,
                         std::vector<std::byte>& room)
{
    if (shape.strands == 1)
        return weights.data() + panel.first_out * row_bytes;
    room.resize(shape.strands * panel.outs * row_bytes);
    for (std::size_t s = 0; s != shape.strands; ++s)
        std::memcpy(room.data() + s * panel.outs * row_bytes,
                    weights.data() +
                        (s * (shape.out / shape.strands) + panel.first_out) * row_bytes,
                    panel.outs * row_bytes);
    return room.data();
}

} // namespace

packed_matrix matmul_engine::pack(std::span<const std::byte> weights, stored_as type,
                                  const matrix_shape& shape, const weight_format& format,
                                  std::byte* to)
{
    BOOST_ASSERT(weights.size() == shape.in * shape.out * size_of(type));
    packed_matrix::packed made{panels_of(shape, format), {}};
    const auto panels = made.shape->panels();
    made.panels.resize(panels.size());
    state_->team.for_each(panels.size(), weights.size(), [&](std::size_t i) {
        thread_local std::vector<std::byte> room;
        made.panels[i] = panels[i].layout->pack(
            rows_of(weights, shape.in * size_of(type), shape, panels[i], room), type,
            to + panels[i].offset);
    });
    packed_matrix packed;
    packed.shape_ = shape;
    packed.contents_ = std::make_shared<packed_matrix::packed>(std::move(made));
    return packed;
}

void matmul_engine::prepare(const packed_matrix& weights, std::size_t rows)
{
    BOOST_ASSERT(weights && rows >= 1 && rows <= most_rows);
    weights.contents_->shape->prepare(rows, state_->rooms);
}

void matmul_engine::multiply(const packed_matrix& weights, const std::byte* x,
                             const product_share& share, const receiver& receive)
{
    BOOST_ASSERT(share.thread < state_->rooms.size() && share.first_row % band_rows == 0 &&
                 share.last_row <= most_rows);
    const matmul_shape& by = *weights.contents_->shape;
    const std::size_t strands = weights.shape().strands,
                      row_bytes = weights.shape().in * by.format().number_bytes();
    const tile_room& mine = state_->rooms[share.thread];
    const std::size_t bands = (share.last_row - share.first_row + band_rows - 1) / band_rows;
    by.for_each_tile(bands, share.part, share.parts, [&](std::size_t p, std::size_t band) {
        const matmul_shape::panel& panel = by.panels()[p];
        const std::size_t first_row = share.first_row + band * band_rows,
                          count = std::min(band_rows, share.last_row - first_row);
        weights.contents_->panels[p]->multiply(x + first_row * row_bytes, count, mine);
        product_tile made{first_row, count, panel.first_out, panel.outs, strands * panel.outs, {}};
        for (std::size_t s = 0; s != strands; ++s)
            made.strands[s] = mine.result() + s * panel.outs;
        receive(made);
    });
}

} // namespace warmd::hf

#include "hf/compute/matmul.hpp"

#include "hf/compute/alone.hpp"
#include "hf/compute/kernels.hpp"
#include "hf/compute/matmul_shape.hpp"
#include "hf/compute/threads.hpp"

#include <boost/assert.hpp>

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

namespace warmd::hf {

namespace {

/// Of what the processor has, oneDNN uses what it is allowed to.
bool uses(dnnl::cpu_isa extensions)
{
    const auto all = static_cast<unsigned>(extensions); // a bit for each
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & all) == all;
}

} // namespace

bool has_bf16() { return uses(dnnl::cpu_isa::avx512_core_bf16); }
bool has_amx() { return uses(dnnl::cpu_isa::avx512_core_amx); }

struct packed_matrix::packed {
    std::shared_ptr<const matmul_shape> primitives;
    std::vector<dnnl::memory> panels; // a panel's strands after one another
};

struct matmul_engine::state {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    std::map<std::pair<matrix_shape, precision>, std::weak_ptr<matmul_shape>>
        shapes; // alive while a matrix has them
    std::map<std::pair<matrix_shape, precision>, std::uint64_t>
        sizes; // packed; what was once asked
    thread_team& team;
    std::vector<tile_worker> workers; // by thread

    explicit state(thread_team& of) : team(of)
    {
        for (std::size_t i = 0; i != team.size(); ++i)
            workers.emplace_back(engine);
    }
};

matmul_engine::matmul_engine(thread_team& team) : state_(std::make_unique<state>(team)) {}
matmul_engine::~matmul_engine() = default;
thread_team& matmul_engine::team() const { return state_->team; }

std::shared_ptr<matmul_shape> matmul_engine::primitives_for(const matrix_shape& shape, precision of)
{
    BOOST_ASSERT(shape.in != 0 && shape.out != 0 && shape.strands <= 2 &&
                 shape.out % shape.strands == 0);
    std::weak_ptr<matmul_shape>& known = state_->shapes[{shape, of}];
    std::shared_ptr<matmul_shape> made = known.lock();
    if (!made) {
        const computing_alone this_thread;
        made = std::make_shared<matmul_shape>(state_->engine, shape, of);
        known = made;
    }
    return made;
}

std::uint64_t matmul_engine::packed_bytes(const matrix_shape& shape, precision of)
{
    std::uint64_t& known = state_->sizes[{shape, of}];
    if (known == 0)
        known = primitives_for(shape, of)->bytes();
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
                                  const matrix_shape& shape, precision of, std::byte* to)
{
    BOOST_ASSERT(weights.size() == shape.in * shape.out * size_of(type));
    if (type == stored_as::fp16) { // which the library does not convert
        std::vector<float> widened(shape.in * shape.out);
        widen_fp16(reinterpret_cast<const std::uint16_t*>(weights.data()), widened.data(),
                   widened.size());
        return pack(std::as_bytes(std::span(widened)), stored_as::fp32, shape, of, to);
    }
    const auto primitives = primitives_for(shape, of);
    packed_matrix::packed made{primitives, {}};
    for (const auto& panel : primitives->panels())
        made.panels.push_back(panel.product->weights(to + panel.offset));
    using data_type = dnnl::memory::data_type;
    const data_type from = type == stored_as::bf16 ? data_type::bf16 : data_type::f32;
    const auto pack_one = [&](std::size_t i, std::size_t thread) {
        const computing_alone this_thread;
        const auto& panel = primitives->panels()[i];
        thread_local std::vector<std::byte> room;
        panel.product->pack(state_->workers[thread].stream(),
                            rows_of(weights, shape.in * size_of(type), shape, panel, room), from,
                            made.panels[i]);
    };
    state_->team.for_each(made.panels.size(), weights.size(), pack_one);
    packed_matrix packed;
    packed.shape_ = shape;
    packed.contents_ = std::make_shared<packed_matrix::packed>(std::move(made));
    return packed;
}

void matmul_engine::prepare(const packed_matrix& weights, std::size_t rows)
{
    BOOST_ASSERT(weights && rows >= 1 && rows <= most_rows);
    const computing_alone this_thread;
    const matmul_shape& by = *weights.contents_->primitives;
    const std::uint64_t scratch = by.prepare(rows);
    for (tile_worker& each : state_->workers)
        each.prepare(heights.back() * by.widest() * sizeof(float), scratch);
}

void matmul_engine::multiply(const packed_matrix& weights, const void* x,
                             const product_share& share, const receiver& receive)
{
    BOOST_ASSERT(share.thread < state_->workers.size() && share.first_row % band_rows == 0 &&
                 share.last_row <= most_rows);
    const matmul_shape& by = *weights.contents_->primitives;
    const std::size_t strands = weights.shape().strands,
                      row_bytes = weights.shape().in * (by.of() == precision::bf16 ? 2 : 4);
    tile_worker& mine = state_->workers[share.thread];
    const computing_alone this_thread;
    const std::size_t bands = (share.last_row - share.first_row + band_rows - 1) / band_rows;
    by.for_each_tile(bands, share.part, share.parts, [&](std::size_t panel, std::size_t band) {
        const auto& [first_out, outs, offset, product] = by.panels()[panel];
        const std::size_t first_row = share.first_row + band * band_rows,
                          count = std::min(band_rows, share.last_row - first_row);
        const std::size_t height = height_of(count, weights.shape().in, product->outs(), by.of());
        float* const y = mine.run(*product, height, weights.contents_->panels[panel],
                                  static_cast<const std::byte*>(x) + first_row * row_bytes);
        product_tile made{first_row, count, first_out, outs, strands * outs, {}};
        for (std::size_t s = 0; s != strands; ++s)
            made.strands[s] = y + s * outs;
        receive(made);
    });
}

} // namespace warmd::hf

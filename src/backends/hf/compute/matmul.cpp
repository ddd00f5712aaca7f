#include "hf/compute/matmul.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

#include <boost/assert.hpp>

#include <oneapi/dnnl/dnnl.hpp>

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <utility>
#include <vector>

namespace warmd::hf {

namespace {

constexpr std::array<std::size_t, 7> heights{1, 2, 4, 8, 16, 32, matmul_engine::most_padding + 1};
constexpr std::size_t usual_height = matmul_engine::band_rows;
constexpr std::size_t block = 64;            // columns that the library packs together
constexpr std::size_t alignment = 64;        // a cache line, and the widest vector
constexpr std::size_t panel_bytes = 1 << 20; // half of a core's own cache, the rest is for x and y
constexpr std::size_t widest_panel = 1024;

/// The height of the tile for `rows` rows: the least that has room, at most usual_height. Below
/// some size oneDNN multiplies bf16 with other instructions, and of very many inputs it sums up
/// parts as it suits the height: so that no sum differs in its last bit, such tiles are padded out
/// of it (found by experiment with oneDNN 2.6; hf_matmul_test).
std::size_t height_of(std::size_t rows, std::size_t in, std::size_t outs, precision of)
{
    constexpr std::size_t small_bf16 = 256, many_inputs = 8192;
    const std::size_t least =
        of == precision::bf16 && in > many_inputs ? usual_height : std::min(rows, usual_height);
    const auto fits = [&](std::size_t height) {
        return height >= least && (of == precision::fp32 || height * outs > small_bf16);
    };
    const auto found = std::ranges::find_if(heights, fits);
    return found == heights.end() ? heights.back() : *found;
}

using dims = dnnl::memory::dims;
using tag = dnnl::memory::format_tag;
using data_type = dnnl::memory::data_type;

data_type type_of(precision of) { return of == precision::bf16 ? data_type::bf16 : data_type::f32; }

dnnl::memory::dim wide(std::size_t size) { return static_cast<dnnl::memory::dim>(size); }

dnnl::memory::desc row_major(std::size_t rows, std::size_t columns, data_type type)
{
    return {dims{wide(rows), wide(columns)}, type, dims{wide(columns), 1}};
}

/// The product of x and the weights; its scratch memory is its caller's.
dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const dnnl::memory::desc& x,
                                      const dnnl::memory::desc& weights,
                                      const dnnl::memory::desc& y)
{
    dnnl::primitive_attr how;
    how.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
    return {engine, x, weights, y, how};
#else
    return {dnnl::matmul::desc(x, weights, y), how, engine};
#endif
}

std::uint64_t aligned(std::uint64_t bytes)
{
    return (bytes + alignment - 1) / alignment * alignment;
}

struct release_aligned {
    void operator()(std::byte* memory) const { std::free(memory); }
};
using aligned_memory = std::unique_ptr<std::byte, release_aligned>;

aligned_memory allocate(std::uint64_t bytes)
{
    aligned_memory memory(static_cast<std::byte*>(std::aligned_alloc(alignment, aligned(bytes))));
    if (!memory)
        throw std::bad_alloc();
    return memory;
}

/// The primitives for panels of [in, outs], one for each height.
class panel_product {
public:
    panel_product(const dnnl::engine& engine, std::size_t in, std::size_t outs, precision of)
        : engine_(engine), in_(in), outs_(outs), of_(of)
    {
        const dnnl::memory::desc any(dims{wide(in), wide(outs)}, type_of(of), tag::any);
        weights_ = describe(engine, x(usual_height), any, y(usual_height)).weights_desc();
    }

    std::size_t outs() const { return outs_; }
    std::uint64_t bytes() const { return aligned(weights_.get_size()); }
    std::uint64_t most_scratch() const { return most_scratch_; }

    /// Makes the primitive for a height, if it is not there.
    void prepare(std::size_t height)
    {
        made& slot = by_height_[index_of(height)];
        if (slot.primitive)
            return;
        const auto described = describe(engine_, x(height), weights_, y(height));
        slot = {dnnl::matmul(described), described.scratchpad_desc()};
        most_scratch_ = std::max<std::uint64_t>(most_scratch_, slot.scratch.get_size());
    }

    /// Packs weights [outs, in]; in oneDNN's words our rows are its columns.
    void pack(dnnl::stream& stream, const std::byte* weights, data_type type,
              dnnl::memory& to) const
    {
        dnnl::memory from({dims{wide(in_), wide(outs_)}, type, dims{1, wide(in_)}}, engine_,
                          const_cast<std::byte*>(weights));
        dnnl::reorder(from, to).execute(stream, from, to);
        stream.wait();
    }

    dnnl::memory x_slot(std::size_t height) const
    {
        return {x(height), engine_, nullptr};
    } ///< without data
    dnnl::memory y_slot(std::size_t height, std::byte* at) const
    {
        return {y(height), engine_, at};
    }
    dnnl::memory scratch(std::size_t height, std::byte* at) const
    {
        return {by_height_[index_of(height)].scratch, engine_, at};
    }
    dnnl::memory weights(std::byte* packed) const { return {weights_, engine_, packed}; }
    /// REQUIRES: prepare(height).
    const dnnl::matmul& primitive(std::size_t height) const
    {
        return by_height_[index_of(height)].primitive;
    }

private:
    struct made {
        dnnl::matmul primitive;
        dnnl::memory::desc scratch;
    };
    static std::size_t index_of(std::size_t height)
    {
        return static_cast<std::size_t>(std::ranges::find(heights, height) - heights.begin());
    }
    dnnl::memory::desc x(std::size_t height) const { return row_major(height, in_, type_of(of_)); }
    dnnl::memory::desc y(std::size_t height) const
    {
        return row_major(height, outs_, data_type::f32);
    }

    dnnl::engine engine_;
    std::size_t in_, outs_;
    precision of_;
    dnnl::memory::desc weights_;
    std::array<made, heights.size()> by_height_;
    std::uint64_t most_scratch_ = 0;
};

/// What one thread needs of its own to compute tiles.
class worker {
public:
    explicit worker(const dnnl::engine& engine) : stream_(engine) {}

    /// Room for tiles.
    void prepare(std::uint64_t y_bytes, std::uint64_t scratch_bytes)
    {
        bound_ = nullptr; // primitives made or gone meanwhile
        if (y_bytes_ < y_bytes)
            y_ = allocate(y_bytes_ = y_bytes);
        if (scratch_bytes_ < scratch_bytes)
            scratch_ = allocate(scratch_bytes_ = scratch_bytes);
    }

    dnnl::stream& stream() { return stream_; }

    /// x [height, in] times a packed panel: [height, outs], until the next.
    float* run(const panel_product& by, std::size_t height, const dnnl::memory& packed,
               const std::byte* x)
    {
        if (bound_ != &by || bound_height_ != height)
            bind(by, height);
        x_slot_.set_data_handle(const_cast<std::byte*>(x));
        // The library's C interface: that for C++ makes a list of the arguments on the heap for
        // each call.
        const std::array arguments{dnnl_exec_arg_t{DNNL_ARG_SRC, x_slot_.get()},
                                   dnnl_exec_arg_t{DNNL_ARG_WEIGHTS, packed.get()},
                                   dnnl_exec_arg_t{DNNL_ARG_DST, y_slot_.get()},
                                   dnnl_exec_arg_t{DNNL_ARG_SCRATCHPAD, scratch_slot_.get()}};
        dnnl::error::wrap_c_api(
            dnnl_primitive_execute(primitive_, stream_.get(), arguments.size(), arguments.data()),
            "a matrix product failed");
        stream_.wait();
        return reinterpret_cast<float*>(y_.get());
    }

private:
    void bind(const panel_product& by, std::size_t height)
    {
        x_slot_ = by.x_slot(height);
        y_slot_ = by.y_slot(height, y_.get());
        scratch_slot_ = by.scratch(height, scratch_.get());
        primitive_ = by.primitive(height).get();
        bound_ = &by;
        bound_height_ = height;
    }

    dnnl::stream stream_;
    aligned_memory y_, scratch_;
    std::uint64_t y_bytes_ = 0, scratch_bytes_ = 0;
    dnnl::memory x_slot_, y_slot_; // of the panel last multiplied with, as all that follows
    dnnl::memory scratch_slot_;
    const_dnnl_primitive_t primitive_ = nullptr;
    const panel_product* bound_ = nullptr;
    std::size_t bound_height_ = 0;
};

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

class matmul_shape {
public:
    struct panel {
        std::size_t first_out; // of each strand
        std::size_t outs; // of each strand: a panel has the columns of one after those of the other
        std::uint64_t offset;   // of its weights in the packed matrix
        panel_product* product; // one of products_
    };

    matmul_shape(const dnnl::engine& engine, const matrix_shape& shape, precision of)
        : shape_(shape), of_(of)
    {
        const std::size_t outs = shape.out / shape.strands;
        std::size_t first = 0;
        for (const std::size_t blocks : panel_blocks(shape, of)) {
            const std::size_t count = std::min(blocks * block, outs - first);
            auto& product = products_[shape.strands * count];
            if (!product)
                product =
                    std::make_unique<panel_product>(engine, shape.in, shape.strands * count, of);
            panels_.push_back({first, count, bytes_, product.get()});
            bytes_ += product->bytes();
            first += count;
        }
    }

    precision of() const { return of_; }
    std::uint64_t bytes() const { return bytes_; }
    std::span<const panel> panels() const { return panels_; }
    std::size_t widest() const { return products_.rbegin()->first; }

    /// Calls run(panel, band) for one of `parts` equal shares of the work, panel by panel: each
    /// stays in a core's cache.
    template <class Run>
    void for_each_tile(std::size_t bands, std::size_t part, std::size_t parts, const Run& run) const
    {
        const std::size_t all = bands * shape_.out;
        std::size_t at = 0; // columns of earlier tiles
        for (std::size_t p = 0; p != panels_.size(); ++p)
            for (std::size_t band = 0; band != bands; ++band) {
                const std::size_t middle = at + panels_[p].product->outs() / 2;
                if (middle >= all * part / parts && middle < all * (part + 1) / parts)
                    run(p, band);
                at += panels_[p].product->outs();
            }
    }

    /// Makes what products of so many rows need; returns the scratch memory that they need.
    std::uint64_t prepare(std::size_t rows) const
    {
        std::uint64_t scratch = 0;
        for (const auto& [outs, product] : products_) {
            product->prepare(height_of(rows, shape_.in, outs, of_));
            product->prepare(height_of((rows - 1) % usual_height + 1, shape_.in, outs, of_));
            scratch = std::max(scratch, product->most_scratch());
        }
        return scratch;
    }

private:
    matrix_shape shape_;
    precision of_;
    std::uint64_t bytes_ = 0;
    std::map<std::size_t, std::unique_ptr<panel_product>>
        products_; // by columns; made complete by the engine's one user
    std::vector<panel> panels_;
};

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
    std::vector<worker> workers;

    state()
    {
        for (int i = 0; i < std::min(omp_get_max_threads(), omp_get_thread_limit()); ++i)
            workers.emplace_back(engine);
    }
};

matmul_engine::matmul_engine() : state_(std::make_unique<state>()) {}
matmul_engine::matmul_engine(matmul_engine&&) noexcept = default;
matmul_engine::~matmul_engine() = default;

std::shared_ptr<matmul_shape> matmul_engine::primitives_for(const matrix_shape& shape, precision of)
{
    BOOST_ASSERT(shape.in != 0 && shape.out != 0 && shape.strands <= 2 &&
                 shape.out % shape.strands == 0);
    std::weak_ptr<matmul_shape>& known = state_->shapes[{shape, of}];
    std::shared_ptr<matmul_shape> made = known.lock();
    if (!made) {
        const computing alone;
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
    const data_type from = type == stored_as::bf16 ? data_type::bf16 : data_type::f32;
    for_each(made.panels.size(), weights.size(), [&](std::size_t i) {
        const auto& panel = primitives->panels()[i];
        thread_local std::vector<std::byte> room;
        panel.product->pack(
            state_->workers[static_cast<std::size_t>(omp_get_thread_num())].stream(),
            rows_of(weights, shape.in * size_of(type), shape, panel, room), from, made.panels[i]);
    });
    packed_matrix packed;
    packed.shape_ = shape;
    packed.contents_ = std::make_shared<packed_matrix::packed>(std::move(made));
    return packed;
}

std::size_t matmul_engine::threads() const { return state_->workers.size(); }

matmul_engine::computing::computing() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
matmul_engine::computing::~computing() { omp_set_num_threads(before_); }

void matmul_engine::prepare(const packed_matrix& weights, std::size_t rows)
{
    BOOST_ASSERT(weights && rows >= 1 && rows <= most_rows);
    const computing alone;
    const matmul_shape& by = *weights.contents_->primitives;
    const std::uint64_t scratch = by.prepare(rows);
    for (worker& each : state_->workers)
        each.prepare(heights.back() * by.widest() * sizeof(float), scratch);
}

void matmul_engine::multiply(const packed_matrix& weights, const void* x,
                             const product_share& share, const receiver& receive)
{
    BOOST_ASSERT(share.thread < threads() && share.first_row % band_rows == 0 &&
                 share.last_row <= most_rows);
    const matmul_shape& by = *weights.contents_->primitives;
    const std::size_t strands = weights.shape().strands,
                      row_bytes = weights.shape().in * (by.of() == precision::bf16 ? 2 : 4);
    worker& mine = state_->workers[share.thread];
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

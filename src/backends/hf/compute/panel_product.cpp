#include "hf/compute/panel_product.hpp"

#include <new>

namespace warmd::hf {

namespace {

constexpr std::size_t usual_height = matmul_engine::band_rows;
constexpr std::size_t alignment = 64; // a cache line, and the widest vector

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

aligned_memory allocate(std::uint64_t bytes)
{
    aligned_memory memory(static_cast<std::byte*>(std::aligned_alloc(alignment, aligned(bytes))));
    if (!memory)
        throw std::bad_alloc();
    return memory;
}

} // namespace

/// Below some size oneDNN multiplies bf16 with other instructions, and of very many inputs it sums
/// up parts as it suits the height: so that no sum differs in its last bit, such tiles are padded
/// out of it (found by experiment with oneDNN 2.6; hf_matmul_test).
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

panel_product::panel_product(const dnnl::engine& engine, std::size_t in, std::size_t outs,
                             precision of)
    : engine_(engine), in_(in), outs_(outs), of_(of)
{
    const dnnl::memory::desc any(dims{wide(in), wide(outs)}, type_of(of), tag::any);
    weights_ = describe(engine, x(usual_height), any, y(usual_height)).weights_desc();
}

std::uint64_t panel_product::bytes() const { return aligned(weights_.get_size()); }

void panel_product::prepare(std::size_t height)
{
    made& slot = by_height_[index_of(height)];
    if (slot.primitive)
        return;
    const auto described = describe(engine_, x(height), weights_, y(height));
    slot = {dnnl::matmul(described), described.scratchpad_desc()};
    most_scratch_ = std::max<std::uint64_t>(most_scratch_, slot.scratch.get_size());
}

void panel_product::pack(dnnl::stream& stream, const std::byte* weights, data_type type,
                         dnnl::memory& to) const
{
    dnnl::memory from({dims{wide(in_), wide(outs_)}, type, dims{1, wide(in_)}}, engine_,
                      const_cast<std::byte*>(weights));
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
}

dnnl::memory::desc panel_product::x(std::size_t height) const
{
    return row_major(height, in_, type_of(of_));
}

dnnl::memory::desc panel_product::y(std::size_t height) const
{
    return row_major(height, outs_, data_type::f32);
}

void tile_worker::prepare(std::uint64_t y_bytes, std::uint64_t scratch_bytes)
{
    bound_ = nullptr; // primitives made or gone meanwhile
    if (y_bytes_ < y_bytes)
        y_ = allocate(y_bytes_ = y_bytes);
    if (scratch_bytes_ < scratch_bytes)
        scratch_ = allocate(scratch_bytes_ = scratch_bytes);
}

float* tile_worker::run(const panel_product& by, std::size_t height, const dnnl::memory& packed,
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

void tile_worker::bind(const panel_product& by, std::size_t height)
{
    x_slot_ = by.x_slot(height);
    y_slot_ = by.y_slot(height, y_.get());
    scratch_slot_ = by.scratch(height, scratch_.get());
    primitive_ = by.primitive(height).get();
    bound_ = &by;
    bound_height_ = height;
}

} // namespace warmd::hf

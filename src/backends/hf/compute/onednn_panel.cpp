#include "hf/compute/onednn_panel.hpp"

#include "hf/compute/alone.hpp"
#include "hf/compute/kernels.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace warmd::hf {

namespace {

constexpr std::size_t usual_height = matmul_engine::band_rows;
constexpr std::size_t alignment = 64; // a cache line, and the widest vector

using dims = dnnl::memory::dims;
using tag = dnnl::memory::format_tag;
using data_type = dnnl::memory::data_type;

/// Without state of its own.
const dnnl::engine& library()
{
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

dnnl::memory::dim wide(std::size_t size) { return static_cast<dnnl::memory::dim>(size); }

dnnl::memory::desc row_major(std::size_t rows, std::size_t columns, data_type type)
{
    return {dims{wide(rows), wide(columns)}, type, dims{wide(columns), 1}};
}

/// The product of x and the weights; its scratch memory is its caller's.
dnnl::matmul::primitive_desc describe(const dnnl::memory::desc& x,
                                      const dnnl::memory::desc& weights,
                                      const dnnl::memory::desc& y)
{
    dnnl::primitive_attr how;
    how.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
    return {library(), x, weights, y, how};
#else
    return {dnnl::matmul::desc(x, weights, y), how, library()};
#endif
}

/// What one thread needs of its own to run a primitive: memories without data.
struct arguments {
    dnnl::stream stream;
    dnnl::memory x, y, scratch;
};

class onednn_panel final : public panel_layout {
public:
    onednn_panel(std::size_t in, std::size_t outs);

    std::uint64_t bytes() const override
    {
        return (weights_.get_size() + alignment - 1) / alignment * alignment;
    }
    std::unique_ptr<const packed_panel> pack(const std::byte* weights, stored_as type,
                                             std::byte* to) const override;
    std::uint64_t prepare(std::size_t rows, std::size_t threads) override;

    void multiply(const std::byte* x, std::size_t rows, const dnnl::memory& weights,
                  const tile_room& room) const;

private:
    struct made {
        dnnl::matmul primitive;
        std::vector<arguments> by_thread;
    };
    std::size_t index_of(std::size_t rows) const
    {
        return static_cast<std::size_t>(std::ranges::find(heights, height_of(rows, in_, outs_)) -
                                        heights.begin());
    }
    dnnl::memory::desc x(std::size_t height) const
    {
        return row_major(height, in_, data_type::bf16);
    }
    dnnl::memory::desc y(std::size_t height) const
    {
        return row_major(height, outs_, data_type::f32);
    }

    std::size_t in_, outs_;
    dnnl::memory::desc weights_;
    std::array<made, heights.size()> by_height_;
    std::uint64_t most_scratch_ = 0;
};

class onednn_packed final : public packed_panel {
public:
    onednn_packed(const onednn_panel& as, dnnl::memory weights)
        : as_(as), weights_(std::move(weights))
    {
    }
    void multiply(const std::byte* x, std::size_t rows, const tile_room& room) const override
    {
        as_.multiply(x, rows, weights_, room);
    }

private:
    const onednn_panel& as_;
    dnnl::memory weights_;
};

onednn_panel::onednn_panel(std::size_t in, std::size_t outs) : in_(in), outs_(outs)
{
    const computing_alone this_thread;
    const dnnl::memory::desc any(dims{wide(in), wide(outs)}, data_type::bf16, tag::any);
    weights_ = describe(x(usual_height), any, y(usual_height)).weights_desc();
}

std::uint64_t onednn_panel::prepare(std::size_t rows, std::size_t threads)
{
    made& slot = by_height_[index_of(rows)];
    if (slot.by_thread.size() >= threads)
        return most_scratch_;
    const computing_alone this_thread;
    const std::size_t height = height_of(rows, in_, outs_);
    const auto described = describe(x(height), weights_, y(height));
    const dnnl::memory::desc scratch = described.scratchpad_desc();
    slot.primitive = dnnl::matmul(described);
    while (slot.by_thread.size() < threads)
        slot.by_thread.push_back({dnnl::stream(library()),
                                  {x(height), library(), nullptr},
                                  {y(height), library(), nullptr},
                                  {scratch, library(), nullptr}});
    return most_scratch_ = std::max<std::uint64_t>(most_scratch_, scratch.get_size());
}

/// In oneDNN's words our rows are its columns.
std::unique_ptr<const packed_panel> onednn_panel::pack(const std::byte* weights, stored_as type,
                                                       std::byte* to) const
{
    if (type == stored_as::fp16) { // which the library does not convert
        std::vector<float> widened(in_ * outs_);
        widen_fp16(reinterpret_cast<const std::uint16_t*>(weights), widened.data(), widened.size());
        return pack(reinterpret_cast<const std::byte*>(widened.data()), stored_as::fp32, to);
    }
    const computing_alone this_thread;
    const data_type stored = type == stored_as::bf16 ? data_type::bf16 : data_type::f32;
    dnnl::memory from({dims{wide(in_), wide(outs_)}, stored, dims{1, wide(in_)}}, library(),
                      const_cast<std::byte*>(weights));
    dnnl::memory packed(weights_, library(), to);
    dnnl::stream stream(library());
    dnnl::reorder(from, packed).execute(stream, from, packed);
    stream.wait();
    return std::make_unique<onednn_packed>(*this, std::move(packed));
}

void onednn_panel::multiply(const std::byte* x, std::size_t rows, const dnnl::memory& weights,
                            const tile_room& room) const
{
    const computing_alone this_thread;
    const made& by = by_height_[index_of(rows)];
    const arguments& with = by.by_thread[room.thread()];
    with.x.set_data_handle(const_cast<std::byte*>(x));
    with.y.set_data_handle(room.result());
    with.scratch.set_data_handle(room.scratch());
    // The library's C interface: that for C++ makes a list of the arguments on the heap for
    // each call.
    const std::array list{dnnl_exec_arg_t{DNNL_ARG_SRC, with.x.get()},
                          dnnl_exec_arg_t{DNNL_ARG_WEIGHTS, weights.get()},
                          dnnl_exec_arg_t{DNNL_ARG_DST, with.y.get()},
                          dnnl_exec_arg_t{DNNL_ARG_SCRATCHPAD, with.scratch.get()}};
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(by.primitive.get(), with.stream.get(), list.size(), list.data()),
        "a matrix product failed");
    dnnl::error::wrap_c_api(dnnl_stream_wait(with.stream.get()), "a matrix product failed");
}

} // namespace

/// Below some size oneDNN multiplies with other instructions, and of very many inputs it sums
/// up parts as it suits the height: so that no sum differs in its last bit, such tiles are padded
/// out of it (found by experiment with oneDNN 2.6; hf_matmul_test).
std::size_t height_of(std::size_t rows, std::size_t in, std::size_t outs)
{
    constexpr std::size_t small = 256, many_inputs = 8192;
    const std::size_t least = in > many_inputs ? usual_height : std::min(rows, usual_height);
    const auto fits = [&](std::size_t height) { return height >= least && height * outs > small; };
    const auto found = std::ranges::find_if(heights, fits);
    return found == heights.end() ? heights.back() : *found;
}

std::unique_ptr<panel_layout> make_onednn_panel(std::size_t in, std::size_t outs)
{
    return std::make_unique<onednn_panel>(in, outs);
}

} // namespace warmd::hf

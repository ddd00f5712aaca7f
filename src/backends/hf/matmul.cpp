#include "matmul.hpp"

#include "kernels.hpp"

#include <boost/assert.hpp>

#include <oneapi/dnnl/dnnl.hpp>

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <new>
#include <vector>
#include <tuple>
#include <utility>

namespace warmd::hf {

namespace {

constexpr std::array<std::size_t, 14> buckets{1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 384, matmul_engine::most_rows};
constexpr std::size_t alignment = 64; // a cache line, and the widest vector

/// How many inputs of a product are summed up at once. Of more than about a thousand, oneDNN's bf16 kernels cut the sum into
/// parts as it suits the number of rows: there we cut it ourselves.
std::size_t inputs_at_once(std::size_t in, precision of)
{
    constexpr std::size_t most_bf16 = 896, step = 64;
    if (of == precision::fp32 || in <= most_bf16)
        return in;
    const std::size_t parts = (in + most_bf16 - 1) / most_bf16;
    return ((in + parts - 1) / parts + step - 1) / step * step;
}

/// The least bucket for `rows`. Below some size oneDNN multiplies bf16 with other instructions, whose sums differ in their
/// last bit, and so has a single row that is added up: both are padded out of it (found by experiment with oneDNN 2.6;
/// hf_matmul_test).
std::size_t bucket_of(std::size_t rows, std::size_t in, std::size_t out, precision of)
{
    constexpr std::size_t small_bf16 = 256;
    auto found = std::lower_bound(buckets.begin(), buckets.end(), rows);
    while (of == precision::bf16 && (*found * out <= small_bf16 || (*found == 1 && inputs_at_once(in, of) < in)))
        ++found;
    return static_cast<std::size_t>(found - buckets.begin());
}

/// Small products run on the calling thread alone: waking the others takes longer, and on a busy machine much longer.
/// A function of shape and bucket only.
class chosen_threads {
public:
    chosen_threads(std::size_t rows, std::size_t in, std::size_t out) : before_(omp_get_max_threads())
    {
        constexpr std::size_t few_products = 1 << 20, few_weights = 1 << 18;
        if (rows * in * out < few_products && in * out < few_weights)
            omp_set_num_threads(1);
    }
    ~chosen_threads() { omp_set_num_threads(before_); }
    chosen_threads(const chosen_threads&) = delete;
    chosen_threads& operator=(const chosen_threads&) = delete;

private:
    int before_;
};

using dims = dnnl::memory::dims;
using tag = dnnl::memory::format_tag;
using data_type = dnnl::memory::data_type;

data_type type_of(precision of) { return of == precision::bf16 ? data_type::bf16 : data_type::f32; }

dnnl::memory::dim wide(std::size_t size) { return static_cast<dnnl::memory::dim>(size); }

/// A matrix whose neighbours in a row are one apart, and in a column `stride`.
dnnl::memory::desc row_major(std::size_t rows, std::size_t columns, std::size_t stride, data_type type)
{
    return {dims{wide(rows), wide(columns)}, type, dims{wide(stride), 1}};
}

/// The product of some inputs in the weights' type and the weights, to outputs in fp32; perhaps added to what is there.
dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& weights,
                                      const dnnl::memory::desc& y, bool added)
{
    dnnl::primitive_attr how;
    if (added) {
        dnnl::post_ops sum;
        sum.append_sum();
        how.set_post_ops(sum);
    }
#if DNNL_VERSION_MAJOR >= 3
    return {engine, x, weights, y, how};
#else
    return {dnnl::matmul::desc(x, weights, y), how, engine};
#endif
}

} // namespace

/// One product: a part of the inputs after the other.
class matmul_shape {
public:
    matmul_shape(const dnnl::engine& engine, std::size_t in, std::size_t out, precision of) : in_(in), out_(out), of_(of)
    {
        const std::size_t most = inputs_at_once(in, of);
        for (std::size_t first = 0; first < in; first += most) {
            part made{.first = first, .count = std::min(most, in - first), .offset = bytes_};
            const dnnl::memory::desc any(dims{wide(made.count), wide(out)}, type_of(of), tag::any);
            made.weights = describe(engine, x(made, matmul_engine::most_rows), any, y(matmul_engine::most_rows), first != 0)
                               .weights_desc();
            bytes_ += (made.weights.get_size() + alignment - 1) / alignment * alignment;
            parts_.push_back(std::move(made));
        }
    }

    precision of() const { return of_; }
    std::uint64_t bytes() const { return bytes_; }

    /// Packs weights [out, in].
    void pack(const dnnl::engine& engine, dnnl::stream& stream, const std::byte* weights, data_type type, std::byte* packed) const
    {
        const std::size_t width = type == data_type::f32 ? 4 : 2;
        for (const part& each : parts_) { // [in, out] as oneDNN counts it: our rows are its columns
            const dnnl::memory::desc stored(dims{wide(each.count), wide(out_)}, type, dims{1, wide(in_)});
            dnnl::memory from(stored, engine, const_cast<std::byte*>(weights) + each.first * width);
            dnnl::memory to(each.weights, engine, packed + each.offset);
            dnnl::reorder(from, to).execute(stream, from, to);
        }
        stream.wait();
    }

    void multiply(const dnnl::engine& engine, dnnl::stream& stream, std::size_t bucket, const std::byte* packed, const void* from,
                  float* to) const
    {
        const std::size_t width = of_ == precision::bf16 ? 2 : 4, rows = buckets[bucket];
        const dnnl::memory result(y(rows), engine, to);
        for (const part& each : parts_) {
            auto& primitive = each.products[bucket];
            if (!primitive)
                primitive = std::make_unique<dnnl::matmul>(
                    describe(engine, x(each, rows), each.weights, y(rows), each.first != 0));
            auto* const inputs = static_cast<std::byte*>(const_cast<void*>(from)) + each.first * width;
            const dnnl::memory source(x(each, rows), engine, inputs);
            const dnnl::memory by(each.weights, engine, const_cast<std::byte*>(packed) + each.offset);
            primitive->execute(stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, by}, {DNNL_ARG_DST, result}});
        }
        stream.wait();
    }

private:
    struct part {
        std::size_t first, count; // of the inputs
        std::uint64_t offset;     // of its weights in the packed matrix
        dnnl::memory::desc weights = {};
        // made when first needed, by the engine's one user
        mutable std::array<std::unique_ptr<dnnl::matmul>, buckets.size()> products = {};
    };

    dnnl::memory::desc x(const part& of, std::size_t rows) const { return row_major(rows, of.count, in_, type_of(of_)); }
    dnnl::memory::desc y(std::size_t rows) const { return row_major(rows, out_, out_, data_type::f32); }

    std::size_t in_, out_;
    precision of_;
    std::uint64_t bytes_ = 0;
    std::vector<part> parts_;
};

bool has_bf16() { return __builtin_cpu_supports("avx512bf16"); } // every processor with AMX has it

void packed_matrix::release::operator()(std::byte* memory) const { std::free(memory); }

struct matmul_engine::state {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    using key = std::tuple<std::size_t, std::size_t, precision>;
    std::map<key, std::weak_ptr<matmul_shape>> shapes; // alive while a matrix has them
};

precision packed_matrix::multiplies() const { return shape_->of(); }

std::size_t matmul_engine::padded(std::size_t rows, const packed_matrix& weights)
{
    return buckets[bucket_of(rows, weights.in(), weights.out(), weights.multiplies())];
}

matmul_engine::matmul_engine() : state_(std::make_unique<state>()) {}
matmul_engine::matmul_engine(matmul_engine&&) noexcept = default;
matmul_engine::~matmul_engine() = default;

std::shared_ptr<matmul_shape> matmul_engine::shape_of(std::size_t in, std::size_t out, precision of)
{
    std::weak_ptr<matmul_shape>& known = state_->shapes[{in, out, of}];
    std::shared_ptr<matmul_shape> shape = known.lock();
    if (!shape) {
        shape = std::make_shared<matmul_shape>(state_->engine, in, out, of);
        known = shape;
    }
    return shape;
}

std::uint64_t matmul_engine::packed_bytes(std::size_t in, std::size_t out, precision of)
{
    return shape_of(in, out, of)->bytes();
}

packed_matrix matmul_engine::pack(std::span<const std::byte> weights, stored_as type, std::size_t in, std::size_t out,
                                  precision of)
{
    BOOST_ASSERT(weights.size() == in * out * size_of(type));
    if (type == stored_as::fp16) { // which the library does not convert
        std::vector<float> widened(in * out);
        widen_fp16(reinterpret_cast<const std::uint16_t*>(weights.data()), widened.data(), widened.size());
        return pack(std::as_bytes(std::span(widened)), stored_as::fp32, in, out, of);
    }
    packed_matrix packed;
    packed.shape_ = shape_of(in, out, of);
    packed.in_ = in;
    packed.out_ = out;
    packed.bytes_ = packed_bytes(in, out, of);
    packed.memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, packed.bytes_)));
    if (!packed.memory_)
        throw std::bad_alloc();
    const data_type from = type == stored_as::bf16 ? data_type::bf16 : data_type::f32;
    packed.shape_->pack(state_->engine, state_->stream, weights.data(), from, packed.memory_.get());
    return packed;
}

void matmul_engine::multiply(const packed_matrix& weights, const void* x, float* y, std::size_t rows)
{
    BOOST_ASSERT(weights && rows >= 1 && rows <= most_rows);
    const std::size_t bucket = bucket_of(rows, weights.in(), weights.out(), weights.multiplies());
    const chosen_threads threads(buckets[bucket], weights.in(), weights.out()); // for making the primitive, too
    weights.shape_->multiply(state_->engine, state_->stream, bucket, weights.memory_.get(), x, y);
}

} // namespace warmd::hf

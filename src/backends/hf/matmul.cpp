#include "matmul.hpp"

#include <boost/assert.hpp>

#include <oneapi/dnnl/dnnl.hpp>

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <new>
#include <utility>

namespace warmd::hf {

namespace {

constexpr std::array<std::size_t, 14> buckets{1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 384, matmul_engine::most_rows};
constexpr std::size_t alignment = 64; // a cache line, and the widest vector

std::size_t bucket_of(std::size_t rows)
{
    return static_cast<std::size_t>(std::lower_bound(buckets.begin(), buckets.end(), rows) - buckets.begin());
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
constexpr auto f32 = dnnl::memory::data_type::f32;

dnnl::memory::desc plain(std::size_t rows, std::size_t columns)
{
    return {dims{static_cast<dnnl::memory::dim>(rows), static_cast<dnnl::memory::dim>(columns)}, f32, tag::ab};
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, std::size_t rows, std::size_t in, std::size_t out,
                                      const dnnl::memory::desc& weights)
{
#if DNNL_VERSION_MAJOR >= 3
    return {engine, plain(rows, in), weights, plain(rows, out)};
#else
    return {dnnl::matmul::desc(plain(rows, in), weights, plain(rows, out)), engine};
#endif
}

} // namespace

class matmul_shape {
public:
    matmul_shape(const dnnl::engine& engine, std::size_t in, std::size_t out) : in_(in), out_(out)
    {
        const dnnl::memory::desc any({static_cast<dnnl::memory::dim>(in), static_cast<dnnl::memory::dim>(out)}, f32, tag::any);
        weights_ = describe(engine, matmul_engine::most_rows, in, out, any).weights_desc();
    }

    const dnnl::memory::desc& weights() const { return weights_; }

    struct product {
        dnnl::matmul primitive;
        dnnl::memory::desc x, y;
    };
    const product& for_bucket(const dnnl::engine& engine, std::size_t bucket) const
    {
        auto& slot = products_[bucket];
        if (!slot) {
            const auto what = describe(engine, buckets[bucket], in_, out_, weights_);
            slot = std::make_unique<product>(product{dnnl::matmul(what), what.src_desc(), what.dst_desc()});
        }
        return *slot;
    }

private:
    std::size_t in_, out_;
    dnnl::memory::desc weights_;
    mutable std::array<std::unique_ptr<product>, buckets.size()> products_; // made when first needed, by the engine's one user
};

void packed_matrix::release::operator()(std::byte* memory) const { std::free(memory); }

struct matmul_engine::state {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    std::map<std::pair<std::size_t, std::size_t>, std::weak_ptr<matmul_shape>> shapes; // alive while a matrix has them
};

std::size_t matmul_engine::padded(std::size_t rows) { return buckets[bucket_of(rows)]; }

matmul_engine::matmul_engine() : state_(std::make_unique<state>()) {}
matmul_engine::matmul_engine(matmul_engine&&) noexcept = default;
matmul_engine::~matmul_engine() = default;

std::shared_ptr<matmul_shape> matmul_engine::shape_of(std::size_t in, std::size_t out)
{
    std::weak_ptr<matmul_shape>& known = state_->shapes[{in, out}];
    std::shared_ptr<matmul_shape> shape = known.lock();
    if (!shape) {
        shape = std::make_shared<matmul_shape>(state_->engine, in, out);
        known = shape;
    }
    return shape;
}

std::uint64_t matmul_engine::packed_bytes(std::size_t in, std::size_t out)
{
    return (shape_of(in, out)->weights().get_size() + alignment - 1) / alignment * alignment;
}

packed_matrix matmul_engine::pack(std::span<const float> weights, std::size_t in, std::size_t out)
{
    BOOST_ASSERT(weights.size() == in * out);
    packed_matrix packed;
    packed.shape_ = shape_of(in, out);
    packed.in_ = in;
    packed.out_ = out;
    packed.bytes_ = packed_bytes(in, out);
    packed.memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, packed.bytes_)));
    if (!packed.memory_)
        throw std::bad_alloc();
    // [in, out] as oneDNN counts it: our rows are its columns.
    const dnnl::memory::desc source({static_cast<dnnl::memory::dim>(in), static_cast<dnnl::memory::dim>(out)}, f32, tag::ba);
    dnnl::memory from(source, state_->engine, const_cast<float*>(weights.data()));
    dnnl::memory to(packed.shape_->weights(), state_->engine, packed.memory_.get());
    dnnl::reorder(from, to).execute(state_->stream, from, to);
    state_->stream.wait();
    return packed;
}

void matmul_engine::multiply(const packed_matrix& weights, const float* x, float* y, std::size_t rows)
{
    BOOST_ASSERT(weights && rows >= 1 && rows <= most_rows);
    const chosen_threads threads(padded(rows), weights.in(), weights.out()); // for making the primitive, too
    const matmul_shape::product& product = weights.shape_->for_bucket(state_->engine, bucket_of(rows));
    const dnnl::memory from(product.x, state_->engine, const_cast<float*>(x));
    const dnnl::memory by(weights.shape_->weights(), state_->engine, weights.memory_.get());
    const dnnl::memory to(product.y, state_->engine, y);
    product.primitive.execute(state_->stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, by}, {DNNL_ARG_DST, to}});
    state_->stream.wait();
}

} // namespace warmd::hf

// warmbench score: tokens per second of next_token, beside oneDNN's own rate for the same matrix
// products.

#include "models.hpp"
#include "subcommands.hpp"

#include "hf/compute/matmul.hpp"
#include "hf/hf_loader.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <cstdio>
#include <map>
#include <tuple>

namespace warmbench {

namespace {

namespace hf = warmd::hf;

/// A model's matrices and nothing else, as many of them as it has, multiplied as the library's
/// manual has it: weights in the layout it prefers for most_rows, one call for all rows, all cores.
class bare_products {
public:
    bare_products(const model_shape& shape, hf::precision of)
        : type_(of == hf::precision::bf16 ? data_type::bf16 : data_type::f32)
    {
        const std::size_t q = shape.heads * shape.head_dim, kv = shape.kv_heads * shape.head_dim;
        const std::pair<std::size_t, std::size_t> each_layer[]{
            {shape.hidden, q + 2 * kv},
            {q, shape.hidden},
            {shape.hidden, 2 * shape.intermediate},
            {shape.intermediate, shape.hidden}};
        for (std::size_t layer = 0; layer != shape.layers; ++layer)
            for (const auto& [in, out] : each_layer)
                layers_.push_back(pack(in, out));
        output_ = pack(shape.hidden, shape.vocabulary);
        std::size_t widest = output_.in;
        for (const weights& each : layers_)
            widest = std::max({widest, each.in, each.out});
        x_.resize(rows * widest);
        y_.resize(rows * std::max(widest, shape.vocabulary));
    }

    /// All tokens through the layers, and `wanted` of them through the vocabulary projection.
    void run(std::size_t tokens, std::size_t wanted)
    {
        for (const weights& each : layers_)
            multiply(each, tokens);
        multiply(output_, wanted);
    }

private:
    using data_type = dnnl::memory::data_type;
    static constexpr std::size_t rows = hf::matmul_engine::most_rows;
    struct weights {
        std::size_t in = 0, out = 0;
        dnnl::memory packed;
    };

    static dnnl::memory::desc row_major(std::size_t height, std::size_t width, data_type type)
    {
        return {{static_cast<dnnl::memory::dim>(height), static_cast<dnnl::memory::dim>(width)},
                type,
                dnnl::memory::format_tag::ab};
    }
    dnnl::matmul::primitive_desc describe(std::size_t height, const dnnl::memory::desc& by,
                                          std::size_t in, std::size_t out)
    {
        const auto x = row_major(height, in, type_), y = row_major(height, out, data_type::f32);
#if DNNL_VERSION_MAJOR >= 3
        return {engine_, x, by, y};
#else
        return {dnnl::matmul::desc(x, by, y), engine_};
#endif
    }
    weights pack(std::size_t in, std::size_t out)
    {
        std::vector<float> values(in * out, 0.01F);
        const dnnl::memory::desc any(
            {static_cast<dnnl::memory::dim>(in), static_cast<dnnl::memory::dim>(out)}, type_,
            dnnl::memory::format_tag::any);
        weights made{in, out, dnnl::memory(describe(rows, any, in, out).weights_desc(), engine_)};
        dnnl::memory from(row_major(in, out, data_type::f32), engine_, values.data());
        dnnl::reorder(from, made.packed).execute(stream_, from, made.packed);
        stream_.wait();
        return made;
    }
    void multiply(const weights& by, std::size_t height)
    {
        auto& product = products_[{by.in, by.out, height}];
        const auto described = product ? dnnl::matmul::primitive_desc()
                                       : describe(height, by.packed.get_desc(), by.in, by.out);
        if (!product)
            product = dnnl::matmul(described);
        dnnl::memory x(row_major(height, by.in, type_), engine_, x_.data());
        dnnl::memory y(row_major(height, by.out, data_type::f32), engine_, y_.data());
        product.execute(stream_,
                        {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, by.packed}, {DNNL_ARG_DST, y}});
        stream_.wait();
    }

    data_type type_;
    dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream_{engine_};
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>, dnnl::matmul>
        products_; // by in, out, rows
    std::vector<weights> layers_;
    weights output_;
    std::vector<float> x_, y_; // large enough for either type
};

} // namespace

int score(int count, char** arguments)
{
    compute_as_the_daemon_does(arguments);
    const auto options = read_model_options(count, arguments);
    if (!options)
        return 0;
    const model_shape& shape = shape_named(options->shape);
    const model_files files(*options);
    const auto model = load(hf::hf_loader(), files.spec);
    bare_products bare(shape, options->dtype == "bf16" ? hf::precision::bf16 : hf::precision::fp32);
    std::printf("%s, %s, adapter of rank %zu: next_token, top_k 16, best of %d\n",
                options->shape.c_str(), options->dtype.c_str(), options->rank, options->repeat);
    std::printf("%10s %6s %10s %10s %14s %7s\n", "shape", "view", "ms", "tokens/s", "oneDNN alone",
                "ratio");
    const std::pair<std::size_t, std::size_t> batches[]{{1, 8}, {1, 32}, {16, 32}, {1, 512}};
    for (const auto& [texts, length] : batches) {
        const auto tokens = static_cast<double>(texts * length);
        const double alone =
            least_seconds(options->repeat, [&, n = texts, l = length] { bare.run(n * l, n); });
        for (const auto what : {warmd::view::mode::base, warmd::view::mode::ft}) {
            const warmd::next_token asked{
                {.what = what}, some_prompts(texts, length, shape.vocabulary), 16};
            const double seconds = least_seconds(options->repeat, [&] { run(*model, {asked}); });
            std::printf("%6zux%-3zu %6s %10.2f %10.0f %14.0f %7.2f\n", texts, length,
                        what == warmd::view::mode::base ? "base" : "ft", seconds * 1e3,
                        tokens / seconds, tokens / alone, alone / seconds);
        }
    }
    return 0;
}

} // namespace warmbench

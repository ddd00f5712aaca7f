// warmbench score: tokens per second of next_token, beside oneDNN's own rate for the same matrix products.

#include "models.hpp"
#include "subcommands.hpp"

#include "backends/hf/hf_loader.hpp"
#include "backends/hf/matmul.hpp"

#include <cstdio>
#include <map>

namespace warmbench {

namespace {

namespace hf = warmd::hf;

/// The model's matrices and nothing else, as many of them as it has.
class bare_products {
public:
    bare_products(const model_shape& shape, hf::precision of)
    {
        const std::size_t q = shape.heads * shape.head_dim, kv = shape.kv_heads * shape.head_dim;
        const std::pair<std::size_t, std::size_t> each_layer[]{{shape.hidden, q + 2 * kv},
                                                               {q, shape.hidden},
                                                               {shape.hidden, 2 * shape.intermediate},
                                                               {shape.intermediate, shape.hidden}};
        for (std::size_t layer = 0; layer != shape.layers; ++layer)
            for (const auto& [in, out] : each_layer)
                layers_.push_back(pack(in, out, of));
        output_ = pack(shape.hidden, shape.vocabulary, of);
        for (const hf::packed_matrix& each : layers_)
            widest_ = std::max({widest_, each.in(), each.out()});
        x_.resize(rows * widest_);
        y_.resize(rows * std::max(widest_, shape.vocabulary));
    }

    /// All tokens through the layers, and `wanted` of them through the vocabulary projection.
    void run(std::size_t tokens, std::size_t wanted)
    {
        for (const hf::packed_matrix& each : layers_)
            engine_.multiply(each, x_.data(), y_.data(), tokens);
        engine_.multiply(output_, x_.data(), y_.data(), wanted);
    }

private:
    static constexpr std::size_t rows = hf::matmul_engine::most_rows;

    hf::packed_matrix pack(std::size_t in, std::size_t out, hf::precision of)
    {
        const std::vector<float> weights(in * out, 0.01F);
        return engine_.pack(std::as_bytes(std::span(weights)), hf::stored_as::fp32, in, out, of);
    }

    hf::matmul_engine engine_;
    std::vector<hf::packed_matrix> layers_;
    hf::packed_matrix output_;
    std::size_t widest_ = 0;
    std::vector<float> x_, y_; // large enough for either precision
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
    std::printf("%s, %s, adapter of rank %zu: next_token, top_k 16, best of %d\n", options->shape.c_str(), options->dtype.c_str(),
                options->rank, options->repeat);
    std::printf("%10s %6s %10s %10s %14s %7s\n", "shape", "view", "ms", "tokens/s", "oneDNN alone", "ratio");
    const std::pair<std::size_t, std::size_t> batches[]{{1, 8}, {1, 32}, {16, 32}, {1, 512}};
    for (const auto& [texts, length] : batches) {
        const auto tokens = static_cast<double>(texts * length);
        const double alone = least_seconds(options->repeat, [&, n = texts, l = length] { bare.run(n * l, n); });
        for (const auto what : {warmd::view::mode::base, warmd::view::mode::ft}) {
            const warmd::next_token asked{{.what = what}, some_prompts(texts, length, shape.vocabulary), 16};
            const double seconds = least_seconds(options->repeat, [&] { run(*model, {asked}); });
            std::printf("%6zux%-3zu %6s %10.2f %10.0f %14.0f %7.2f\n", texts, length,
                        what == warmd::view::mode::base ? "base" : "ft", seconds * 1e3, tokens / seconds, tokens / alone,
                        alone / seconds);
        }
    }
    return 0;
}

} // namespace warmbench

#include "backends/hf/kernels.hpp"
#include "backends/hf/matmul.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <utility>
#include <vector>

using namespace warmd::hf;

namespace {

std::vector<float> noise(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> spread(-1, 1);
    std::vector<float> values(count);
    for (float& value : values)
        value = spread(random);
    return values;
}

// in, out: projections of small models, a vocabulary, LoRA factors of several ranks
constexpr std::pair<std::size_t, std::size_t> shapes[] = {{64, 128},   {128, 704},  {352, 128},  {576, 960},
                                                          {576, 3072}, {1536, 576}, {128, 2048}, {576, 24},
                                                          {1536, 8},   {8, 576},    {4, 64},     {16, 1536},
                                                          {2048, 640}, {4864, 896}, {1000, 700}, {896, 9728}};

packed_matrix pack(matmul_engine& engine, const std::vector<float>& weights, std::size_t in, std::size_t out, precision of)
{
    return engine.pack(std::as_bytes(std::span(weights)), stored_as::fp32, in, out, of);
}

std::vector<std::uint16_t> narrowed(const std::vector<float>& values)
{
    std::vector<std::uint16_t> narrow(values.size());
    narrow_bf16(values.data(), narrow.data(), values.size());
    return narrow;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_product_is_that_of_the_definition)
{
    matmul_engine engine;
    const std::size_t in = 37, out = 53, rows = 5;
    const auto weights = noise(in * out, 1);
    const auto x = noise(in * matmul_engine::most_rows, 2);
    std::vector<float> y(out * matmul_engine::most_rows);
    engine.multiply(pack(engine, weights, in, out, precision::fp32), x.data(), y.data(), rows);
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t o = 0; o != out; ++o) {
            double sum = 0;
            for (std::size_t i = 0; i != in; ++i)
                sum += static_cast<double>(x[r * in + i]) * static_cast<double>(weights[o * in + i]);
            BOOST_TEST(std::abs(sum - static_cast<double>(y[r * out + o])) < 1e-5);
        }
}

BOOST_AUTO_TEST_CASE(a_product_in_bf16_is_that_of_the_rounded_numbers)
{
    if (!has_bf16())
        return;
    matmul_engine engine;
    const std::size_t in = 96, out = 80, rows = 3;
    const auto weights = noise(in * out, 1), x = noise(in * matmul_engine::most_rows, 2);
    const auto narrow_weights = narrowed(weights), narrow_x = narrowed(x);
    std::vector<float> y(out * matmul_engine::most_rows), again(y.size()), wide_weights(weights.size()), wide_x(x.size());
    engine.multiply(pack(engine, weights, in, out, precision::bf16), narrow_x.data(), y.data(), rows);
    const auto stored = std::as_bytes(std::span(narrow_weights));
    engine.multiply(engine.pack(stored, stored_as::bf16, in, out, precision::bf16), narrow_x.data(), again.data(), rows);
    // Weights stored as bf16 are taken as they are.
    BOOST_TEST(std::memcmp(y.data(), again.data(), rows * out * sizeof(float)) == 0);
    widen_bf16(narrow_weights.data(), wide_weights.data(), wide_weights.size());
    widen_bf16(narrow_x.data(), wide_x.data(), wide_x.size());
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t o = 0; o != out; ++o) {
            double sum = 0;
            for (std::size_t i = 0; i != in; ++i)
                sum += static_cast<double>(wide_x[r * in + i]) * static_cast<double>(wide_weights[o * in + i]);
            BOOST_TEST(std::abs(sum - static_cast<double>(y[r * out + o])) < 1e-5);
        }
}

BOOST_AUTO_TEST_CASE(a_row_is_the_same_to_the_bit_whatever_it_is_multiplied_with)
{
    matmul_engine engine;
    for (const precision of : {precision::fp32, precision::bf16})
        for (const auto& [in, out] : shapes) {
            if (of == precision::bf16 && !has_bf16())
                continue;
            const packed_matrix weights = pack(engine, noise(in * out, 3), in, out, of);
            const auto wide = noise(in * matmul_engine::most_rows, 4);
            const auto narrow = narrowed(wide);
            const auto from = [&](std::size_t row) {
                return of == precision::fp32 ? static_cast<const void*>(&wide[row * in]) : &narrow[row * in];
            };
            std::vector<float> all(out * matmul_engine::most_rows), some(all.size());
            engine.multiply(weights, from(0), all.data(), matmul_engine::most_rows);
            for (const std::size_t rows : {1, 2, 3, 4, 7, 8, 16, 20, 32, 40, 64, 80, 128, 200, 256, 300}) {
                const std::size_t first = matmul_engine::most_rows - matmul_engine::padded(rows, weights);
                engine.multiply(weights, from(first), some.data(), rows);
                BOOST_TEST(std::memcmp(some.data(), &all[first * out], rows * out * sizeof(float)) == 0,
                           "[" << in << ", " << out << "] with " << rows << " rows");
            }
        }
}

#include "backends/hf/matmul.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstring>
#include <random>
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
                                                          {1536, 8},   {8, 576},    {4, 64},     {16, 1536}};

} // namespace

BOOST_AUTO_TEST_CASE(a_product_is_that_of_the_definition)
{
    matmul_engine engine;
    const std::size_t in = 37, out = 53, rows = 5;
    const auto weights = noise(in * out, 1);
    const auto x = noise(in * matmul_engine::padded(rows), 2);
    std::vector<float> y(out * matmul_engine::padded(rows));
    engine.multiply(engine.pack(weights, in, out), x.data(), y.data(), rows);
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t o = 0; o != out; ++o) {
            double sum = 0;
            for (std::size_t i = 0; i != in; ++i)
                sum += static_cast<double>(x[r * in + i]) * static_cast<double>(weights[o * in + i]);
            BOOST_TEST(std::abs(sum - static_cast<double>(y[r * out + o])) < 1e-5);
        }
}

BOOST_AUTO_TEST_CASE(a_row_is_the_same_to_the_bit_whatever_it_is_multiplied_with)
{
    matmul_engine engine;
    for (const auto& [in, out] : shapes) {
        const packed_matrix weights = engine.pack(noise(in * out, 3), in, out);
        const auto x = noise(in * matmul_engine::most_rows, 4);
        std::vector<float> all(out * matmul_engine::most_rows), some(all.size());
        engine.multiply(weights, x.data(), all.data(), matmul_engine::most_rows);
        for (const std::size_t rows : {1, 2, 3, 4, 7, 8, 16, 20, 32, 40, 64, 80, 128, 200, 256, 300}) {
            const std::size_t first = matmul_engine::most_rows - matmul_engine::padded(rows);
            engine.multiply(weights, x.data() + first * in, some.data(), rows);
            BOOST_TEST(std::memcmp(some.data(), all.data() + first * out, rows * out * sizeof(float)) == 0,
                       "[" << in << ", " << out << "] with " << rows << " rows");
        }
    }
}

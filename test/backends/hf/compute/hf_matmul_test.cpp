#include "hf/compute/kernels.hpp"
#include "hf/compute/kernels_bf16.hpp"
#include "hf/compute/matmul.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/compute/onednn_panel.hpp"
#include "hf/compute/processor.hpp"
#include "hf/compute/threads.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
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

// in, out: projections of models, a vocabulary, and some that no model has
constexpr std::pair<std::size_t, std::size_t> shapes[] = {
    {64, 128},   {128, 704},  {352, 128},  {576, 960},  {576, 3072}, {1536, 576},
    {128, 2048}, {576, 24},   {1536, 8},   {8, 576},    {4, 64},     {16, 1536},
    {2048, 640}, {4864, 896}, {1000, 700}, {896, 9728}, {64, 3},     {14336, 70}};

/// A packed matrix and its memory.
struct packed {
    memory_block memory;
    packed_matrix matrix;

    packed(matmul_engine& engine, std::span<const std::byte> weights, stored_as type,
           const matrix_shape& shape, precision of)
        : memory(engine.packed_bytes(shape, format_of(of))),
          matrix(engine.pack(weights, type, shape, format_of(of), memory.data()))
    {
    }
};

packed pack(matmul_engine& engine, const std::vector<float>& weights, const matrix_shape& shape,
            precision of)
{
    return {engine, std::as_bytes(std::span(weights)), stored_as::fp32, shape, of};
}

/// y [rows, out] = x W^T, put together from its tiles.
template <class Number>
std::vector<float> product(matmul_engine& engine, const packed& weights, const Number* x,
                           std::size_t rows)
{
    const auto [in, out, strands] = weights.matrix.shape();
    std::vector<float> y(rows * out, std::numeric_limits<float>::quiet_NaN());
    engine.prepare(weights.matrix, rows);
    engine.multiply(
        weights.matrix, reinterpret_cast<const std::byte*>(x),
        {.thread = 0, .first_row = 0, .last_row = rows},
        [&, out = out, strands = strands](const product_tile& tile) {
            for (std::size_t strand = 0; strand != strands; ++strand)
                for (std::size_t i = 0; i != tile.rows; ++i)
                    std::copy_n(
                        tile.strands[strand] + i * tile.stride, tile.outs,
                        &y[(tile.first_row + i) * out + strand * (out / strands) + tile.first_out]);
        });
    return y;
}

constexpr std::size_t readable_rows = matmul_engine::most_rows + matmul_engine::most_padding;

std::vector<std::uint16_t> narrowed(const std::vector<float>& values)
{
    std::vector<std::uint16_t> narrow(values.size());
    narrow_bf16(values.data(), narrow.data(), values.size());
    return narrow;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_product_is_that_of_the_definition)
{
    thread_team team(1);
    matmul_engine engine(team);
    const std::size_t in = 37, out = 53, rows = 5;
    const auto weights = noise(in * out, 1);
    const auto x = noise(in * readable_rows, 2);
    const auto y =
        product(engine, pack(engine, weights, {in, out}, precision::fp32), x.data(), rows);
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t o = 0; o != out; ++o) {
            double sum = 0;
            for (std::size_t i = 0; i != in; ++i)
                sum +=
                    static_cast<double>(x[r * in + i]) * static_cast<double>(weights[o * in + i]);
            BOOST_TEST(std::abs(sum - static_cast<double>(y[r * out + o])) < 1e-5);
        }
}

namespace {

/// narrow_bf16() is one of them: no test may call it where it would be an illegal instruction.
boost::test_tools::assertion_result there_is_bf16(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result there(has_bf16());
    there.message() << "SKIPPED: no bf16 instructions, or oneDNN may not use them";
    return there;
}

/// y's rows are the same to the bit however many are computed together.
void expect_the_same_rows(precision of)
{
    thread_team team(1);
    matmul_engine engine(team);
    for (const auto& [in, out] : shapes) {
        const packed weights = pack(engine, noise(in * out, 3), {in, out}, of);
        const auto wide = noise(in * readable_rows, 4);
        const auto narrow = of == precision::bf16 ? narrowed(wide) : std::vector<std::uint16_t>();
        const auto from = [&, in = in](std::size_t row) {
            return of == precision::fp32 ? reinterpret_cast<const std::byte*>(&wide[row * in])
                                         : reinterpret_cast<const std::byte*>(&narrow[row * in]);
        };
        const auto all = product(engine, weights, from(0), matmul_engine::most_rows);
        for (const std::size_t rows : {1, 2, 4, 7, 16, 33, 200}) {
            const std::size_t first = matmul_engine::most_rows - rows;
            const auto some = product(engine, weights, from(first), rows);
            BOOST_TEST(std::memcmp(some.data(), &all[first * out], rows * out * sizeof(float)) == 0,
                       "[" << in << ", " << out << "] with " << rows << " rows");
        }
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(a_product_in_bf16_is_that_of_the_rounded_numbers,
                     *boost::unit_test::precondition(there_is_bf16))
{
    thread_team team(1);
    matmul_engine engine(team);
    const std::size_t in = 96, out = 80, rows = 3;
    const auto weights = noise(in * out, 1), x = noise(in * readable_rows, 2);
    const auto narrow_weights = narrowed(weights), narrow_x = narrowed(x);
    std::vector<float> wide_weights(weights.size()), wide_x(x.size());
    const auto y =
        product(engine, pack(engine, weights, {in, out}, precision::bf16), narrow_x.data(), rows);
    const auto stored = std::as_bytes(std::span(narrow_weights));
    const auto again =
        product(engine, packed(engine, stored, stored_as::bf16, {in, out}, precision::bf16),
                narrow_x.data(), rows);
    // Weights stored as bf16 are taken as they are.
    BOOST_TEST(std::memcmp(y.data(), again.data(), rows * out * sizeof(float)) == 0);
    widen_bf16(narrow_weights.data(), wide_weights.data(), wide_weights.size());
    widen_bf16(narrow_x.data(), wide_x.data(), wide_x.size());
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t o = 0; o != out; ++o) {
            double sum = 0;
            for (std::size_t i = 0; i != in; ++i)
                sum += static_cast<double>(wide_x[r * in + i]) *
                       static_cast<double>(wide_weights[o * in + i]);
            BOOST_TEST(std::abs(sum - static_cast<double>(y[r * out + o])) < 1e-5);
        }
}

BOOST_AUTO_TEST_CASE(a_row_is_the_same_to_the_bit_whatever_it_is_multiplied_with)
{
    expect_the_same_rows(precision::fp32);
}

BOOST_AUTO_TEST_CASE(a_row_in_bf16_is_the_same_to_the_bit_whatever_it_is_multiplied_with,
                     *boost::unit_test::precondition(there_is_bf16))
{
    expect_the_same_rows(precision::bf16);
}

BOOST_AUTO_TEST_CASE(strands_are_the_same_product_side_by_side)
{
    thread_team team(1);
    matmul_engine engine(team);
    for (const auto& [in, out] :
         {std::pair<std::size_t, std::size_t>{576, 3072}, {64, 352}, {48, 6}, {900, 9728}}) {
        const auto weights = noise(in * out, 5), x = noise(in * readable_rows, 6);
        const auto one =
            product(engine, pack(engine, weights, {in, out, 1}, precision::fp32), x.data(), 70);
        const auto two =
            product(engine, pack(engine, weights, {in, out, 2}, precision::fp32), x.data(), 70);
        BOOST_TEST(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)) == 0,
                   "[" << in << ", " << out << "]");
    }
}

BOOST_AUTO_TEST_CASE(the_parts_of_a_product_are_together_the_whole_and_nothing_twice)
{
    thread_team team(1);
    matmul_engine engine(team);
    const std::size_t out = 4096, rows = 100, parts = 3;
    const auto weights = pack(engine, noise(64 * out, 1), {64, out}, precision::fp32);
    const auto x = noise(64 * readable_rows, 2);
    engine.prepare(weights.matrix, rows);
    std::vector<int> times(rows * out);
    for (std::size_t part = 0; part != parts; ++part)
        for (const std::size_t first : {0, 64})
            engine.multiply(weights.matrix, std::as_bytes(std::span(x)).data(),
                            {0, first, first == 0 ? 64 : rows, part, parts},
                            [&](const product_tile& tile) {
                                for (std::size_t i = 0; i != tile.rows; ++i)
                                    for (std::size_t o = 0; o != tile.outs; ++o)
                                        ++times[(tile.first_row + i) * out + tile.first_out + o];
                            });
    BOOST_TEST(std::ranges::count(times, 1) == rows * out);
}

// What the library does below these bounds depends on the processor: where AMX is there, sums
// differ in their last bit. Tiles are kept above them everywhere.
BOOST_AUTO_TEST_CASE(tiles_are_padded_to_heights_at_which_no_sum_differs)
{
    constexpr std::size_t usual = matmul_engine::band_rows, in = 576, many_inputs = 14336;
    for (std::size_t rows = 1; rows <= usual; ++rows)
        for (const std::size_t outs : {3U, 8U, 24U, 70U, 256U, 1024U}) {
            const std::size_t height = height_of(rows, in, outs);
            BOOST_TEST(height >= rows);
            BOOST_TEST((height * outs > 256 || height == heights.back()));
            BOOST_TEST(height_of(rows, many_inputs, outs) >= usual);
        }
}

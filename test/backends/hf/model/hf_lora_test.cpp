// LoRA's products by AMX: that they are the formula's, and the same bits however rows and columns
// are cut.

#include "hf/compute/kernels.hpp"
#include "hf/compute/kernels_bf16.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/lora_amx.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

std::vector<float> noise(std::size_t count, std::size_t seed)
{
    std::mt19937 random(static_cast<unsigned>(seed));
    std::normal_distribution<float> spread;
    std::vector<float> values(count);
    for (float& value : values)
        value = spread(random);
    return values;
}

/// Sizes that are no multiples of anything.
model_config odd_config()
{
    model_config config;
    config.hidden_size = 84;
    config.intermediate_size = 53;
    config.layers = 1;
    config.heads = 3;
    config.kv_heads = 1;
    config.head_dim = 10;
    config.plan = {llama_layer(config)};
    return config;
}

/// An adapter on every linear layer, each of another rank.
struct adapted {
    model_config config = odd_config();
    std::vector<linear_shape> shapes = config.plan[0].linears;
    std::vector<lora_factors> factors;
    lora_weights weights;

    explicit adapted(std::size_t most_rank)
    {
        for (const base_module& module : modules_of(config)) {
            if (module.what != base_module::kind::linear)
                continue;
            factors.push_back({module, 1 + factors.size() % most_rank,
                               0.5 + static_cast<double>(factors.size()), module.path + ".a",
                               module.path + ".b"});
        }
        thread_team team(1);
        weights = *arrange_lora(
            config, factors,
            [](const std::string& tensor, std::span<float> values) {
                const auto drawn = noise(values.size(), std::hash<std::string>()(tensor));
                std::ranges::copy(drawn, values.begin());
                return result<void>();
            },
            team);
        make_lora_tiles(config, format_of(precision::bf16), weights, team);
    }
    const lora_linear& operator[](std::size_t kind) const { return weights.layers[0][kind]; }
};

constexpr std::size_t most_rows = 70;

/// Rows of bf16, and the same in fp32.
struct inputs {
    std::size_t in;
    std::vector<std::uint16_t> narrow;
    std::vector<float> wide;

    explicit inputs(std::size_t width) : in(width), narrow(most_rows * width), wide(narrow.size())
    {
        const auto drawn = noise(narrow.size(), 1);
        narrow_bf16(drawn.data(), narrow.data(), narrow.size());
        widen_bf16(narrow.data(), wide.data(), narrow.size());
    }
};

/// Rows [first, last) of x A^T B^T of all parts, added to y [rows, out], whose columns are taken in
/// pieces.
std::vector<float> product(const lora_linear& by, const inputs& x, std::size_t first,
                           std::size_t last, std::size_t out, std::size_t piece, double scale)
{
    const std::size_t rows = last - first, stride = reduced_bytes(by) + 64;
    std::vector<std::byte> reduced(rows * stride);
    std::vector<float> y(rows * out, 1);
    reduce_by_amx(by, &x.narrow[first * x.in], x.in, rows, scale, reduced.data(), stride);
    for (const lora_linear::part& part : by.parts)
        for (std::size_t c = 0; c < part.out; c += piece)
            add_by_amx(part, reduced.data(), stride, rows, c, std::min(piece, part.out - c),
                       &y[part.first_out + c], out);
    return y;
}

std::size_t out_of(const linear_shape& shape)
{
    std::size_t out = 0;
    for (const linear_shape::part& part : shape.parts)
        out += part.out;
    return out;
}

boost::test_tools::assertion_result amx_is_there(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result there(format_of(precision::bf16).uses_tiles());
    there.message() << "this machine has no AMX: LoRA by AMX is not tested";
    return there;
}

} // namespace

BOOST_AUTO_TEST_SUITE(lora, *boost::unit_test::precondition(amx_is_there))

BOOST_DATA_TEST_CASE(an_adapters_term_is_that_of_the_definition_to_16_bits,
                     boost::unit_test::data::make({1, 4, 8, 20}), most_rank)
{
    const adapted model(static_cast<std::size_t>(most_rank));
    for (std::size_t kind = 0; kind != model.shapes.size(); ++kind) {
        const inputs x(model.shapes[kind].in);
        const lora_linear& by = model[kind];
        const std::size_t out = out_of(model.shapes[kind]);
        const auto found = product(by, x, 0, most_rows, out, 64, 0.75);
        double furthest = 0, largest = 0;
        for (const lora_linear::part& part : by.parts)
            for (std::size_t row = 0; row != most_rows; ++row)
                for (std::size_t o = 0; o != part.out; ++o) {
                    double term = 0;
                    for (std::size_t r = 0; r != part.rank; ++r) {
                        double reduced = 0;
                        for (std::size_t i = 0; i != x.in; ++i)
                            reduced += static_cast<double>(x.wide[row * x.in + i]) *
                                       static_cast<double>(by.a[(part.first_rank + r) * x.in + i]);
                        term += reduced * static_cast<double>(part.b[r * part.out + o]);
                    }
                    const double expected = 1 + 0.75 * static_cast<double>(part.scaling) * term;
                    const double distance = std::abs(
                        static_cast<double>(found[row * out + part.first_out + o]) - expected);
                    furthest = distance <= furthest ? furthest : distance; // NaN is the furthest
                    largest = std::max(largest, std::abs(expected));
                }
        BOOST_TEST(furthest <= largest * 0x1p-16,
                   "product " << kind << ": off by " << furthest << " of " << largest);
    }
}

BOOST_DATA_TEST_CASE(a_row_has_the_same_bits_however_rows_are_cut,
                     boost::unit_test::data::make({1, 8, 20}), most_rank)
{
    const adapted model(static_cast<std::size_t>(most_rank));
    for (std::size_t kind = 0; kind != model.shapes.size(); ++kind) {
        inputs x(model.shapes[kind].in);
        const std::size_t out = out_of(model.shapes[kind]);
        const auto all = product(model[kind], x, 0, most_rows, out, 64, 1);
        for (const std::size_t rows : {1, 7, 16, 17, 33})
            for (std::size_t first = 0; first + rows <= most_rows; first += rows) {
                const auto some = product(model[kind], x, first, first + rows, out, 64, 1);
                BOOST_TEST(
                    std::memcmp(some.data(), &all[first * out], some.size() * sizeof(float)) == 0,
                    "product " << kind << ", rows from " << first << ", " << rows);
            }
        BOOST_TEST((product(model[kind], x, 0, most_rows, out, 16, 1) == all)); // columns neither
        BOOST_TEST((product(model[kind], x, 0, most_rows, out, 11, 1) == all));
    }
}

BOOST_AUTO_TEST_CASE(what_is_in_the_next_row_does_not_matter)
{
    const adapted model(8);
    for (std::size_t kind = 0; kind != model.shapes.size(); ++kind) {
        inputs x(model.shapes[kind].in);
        const std::size_t out = out_of(model.shapes[kind]);
        const auto before = product(model[kind], x, 0, 5, out, 64, 1);
        std::fill(x.narrow.begin() + static_cast<std::ptrdiff_t>(5 * x.in), x.narrow.end(),
                  std::uint16_t{0x7fc0}); // NaN
        BOOST_TEST((product(model[kind], x, 0, 5, out, 64, 1) == before));
        const auto beside = product(model[kind], x, 0, 6, out, 64, 1);
        BOOST_TEST(std::memcmp(beside.data(), before.data(), before.size() * sizeof(float)) == 0);
        BOOST_TEST(std::isnan(beside.back()));
    }
}

BOOST_AUTO_TEST_CASE(the_tiles_estimate_is_what_they_take)
{
    const adapted model(20);
    BOOST_TEST(model.weights.tiles.bytes() ==
               lora_tile_bytes(model.factors, format_of(precision::bf16)));
    BOOST_TEST(lora_tile_bytes(model.factors, format_of(precision::fp32)) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

// Weights in 8 and 4 bits: what they stand for, and what becomes of odd ones.

#include "hf/compute/quantized_rows.hpp"
#include "hf/compute/quantized_unit.hpp"
#include "hf/compute/threads.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace warmd::hf;

namespace {

std::vector<float> noise(std::size_t count, unsigned seed, float size = 1)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> spread(0, size);
    std::vector<float> values(count);
    for (float& each : values)
        each = spread(random);
    return values;
}

template <class Unit>
std::vector<float> given_back(std::span<const float> weights)
{
    Unit unit;
    quantize(weights, unit);
    std::vector<float> back(weights.size());
    widen(unit, back);
    return back;
}

double norm(std::span<const float> of)
{
    double sum = 0;
    for (const double each : of)
        sum += each * each;
    return std::sqrt(sum);
}

} // namespace

BOOST_AUTO_TEST_CASE(each_weight_is_within_half_a_step)
{
    for (unsigned seed = 0; seed != 200; ++seed) {
        const auto weights = noise(1 + seed % 32, seed, std::pow(10.0F, 2 - float(seed % 8)));
        const auto [least, largest] = std::ranges::minmax(weights);
        const float size = std::max(std::abs(least), std::abs(largest));
        const auto eight = given_back<int8_unit>(weights), four = given_back<int4_unit>(weights);
        for (std::size_t i = 0; i != weights.size(); ++i) {
            // a step in fp16 is up to 2^-10 larger, or 2^-24; the minimum is rounded by as much
            BOOST_TEST(std::abs(eight[i] - weights[i]) <= size / 127 / 2 * 1.002F + 0x1p-25F);
            BOOST_TEST(std::abs(four[i] - weights[i]) <=
                       (largest - least) / 15 / 2 * 1.002F + size * 0x1p-10F + 0x1p-23F);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_row_grows_no_more_than_is_claimed)
{
    for (unsigned seed = 0; seed != 300; ++seed) {
        std::vector<float> weights = noise(32, seed);
        for (std::size_t i = 1; i < weights.size() && seed % 3 == 1; ++i)
            weights[i] = weights[0] / 2000 * float(i); // one far larger than the others
        for (float& each : weights)
            each += seed % 3 == 2 ? 5.0F : 0.0F; // far from nought
        for (float& each : weights)
            each *= std::pow(10.0F, -float(seed % 10));
        const double before = norm(weights);
        BOOST_TEST(norm(given_back<int8_unit>(weights)) <= int8_norm_at_most(before, 32));
        BOOST_TEST(norm(given_back<int4_unit>(weights)) <= int4_norm_at_most(before, 32));
    }
}

BOOST_AUTO_TEST_CASE(what_can_be_exact_is)
{
    BOOST_TEST(given_back<int8_unit>(std::vector<float>(32, 0.0F)) == std::vector<float>(32, 0.0F));
    BOOST_TEST(given_back<int4_unit>(std::vector<float>(7, -3.0F)) == std::vector<float>(7, -3.0F));
    std::vector<float> steps(16);
    for (std::size_t i = 0; i != steps.size(); ++i)
        steps[i] = -2 + 0.5F * static_cast<float>(i);
    BOOST_TEST(given_back<int4_unit>(steps) == steps);
    const std::vector<float> ends{-127 * 0.125F, 0, 127 * 0.125F};
    BOOST_TEST(given_back<int8_unit>(ends) == ends);
}

BOOST_AUTO_TEST_CASE(weights_that_are_no_numbers_stay_noticed)
{
    for (const float odd :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        std::vector<float> weights(32, 0.5F);
        weights[7] = odd;
        BOOST_TEST(std::isnan(given_back<int8_unit>(weights)[7]));
        BOOST_TEST(std::isnan(given_back<int4_unit>(weights)[0]));
    }
}

BOOST_AUTO_TEST_CASE(weights_beyond_reach_become_the_largest)
{
    for (const float w : given_back<int8_unit>(std::vector<float>(32, 1e30F)))
        BOOST_TEST(w == 127 * 65504.0F);
    for (const float w : given_back<int4_unit>(std::vector<float>(32, -1e30F)))
        BOOST_TEST(w == -65504.0F);
}

BOOST_AUTO_TEST_CASE(a_tables_rows_are_what_their_units_stand_for)
{
    thread_team team(2);
    constexpr std::size_t width = 70, height = 9; // the last unit of a row is short
    const auto table = noise(width * height, 3);
    for (const bool to_4 : {false, true}) {
        const quantized_rows rows(std::as_bytes(std::span(table)), stored_as::fp32, width, to_4,
                                  team);
        BOOST_TEST(rows.bytes() == quantized_rows::bytes(height, width, to_4));
        for (std::size_t r = 0; r != height; ++r) {
            std::vector<float> row(width);
            rows.look_up(r, row);
            for (std::size_t first = 0; first < width; first += quantized_inputs) {
                const auto some = std::span(table).subspan(
                    r * width + first, std::min(quantized_inputs, width - first));
                const auto unit = to_4 ? given_back<int4_unit>(some) : given_back<int8_unit>(some);
                BOOST_TEST(std::equal(unit.begin(), unit.end(), row.begin() + long(first)));
            }
        }
    }
}

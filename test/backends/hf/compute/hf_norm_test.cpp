// The norms of weights, from which the bounds of finiteness.hpp are made.

#include "hf/compute/kernels.hpp"
#include "hf/compute/norm.hpp"

#include <boost/test/unit_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

using namespace warmd::hf;

namespace {

constexpr float no_number = std::numeric_limits<float>::quiet_NaN(),
                infinite = std::numeric_limits<float>::infinity();

std::span<const std::byte> bytes_of(const auto& values) { return std::as_bytes(std::span(values)); }

/// On any processor, which narrow_bf16() does not run on.
std::vector<std::uint16_t> cut_to_bf16(const std::vector<float>& values)
{
    std::vector<std::uint16_t> narrow;
    for (const float each : values)
        narrow.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(each) >> 16));
    return narrow;
}

} // namespace

BOOST_AUTO_TEST_CASE(norms_are_those_of_all_weights_in_every_dtype)
{
    for (const std::size_t count : {0U, 1U, 15U, 33U, 4096U, 8192U, 8193U, 100'003U}) {
        std::vector<float> wide(count);
        draw_normal(count, wide.data(), count);
        const std::vector<std::uint16_t> narrow = cut_to_bf16(wide), half(count, 0xb800); // -0.5
        const double exact = std::inner_product(
            wide.begin(), wide.end(), wide.begin(), 0.0, std::plus<>(),
            [](float a, float b) { return static_cast<double>(a) * static_cast<double>(b); });
        BOOST_TEST(sum_of_squares(bytes_of(wide), stored_as::fp32) == exact,
                   boost::test_tools::tolerance(1e-5));
        BOOST_TEST(norm(wide) == std::sqrt(exact), boost::test_tools::tolerance(1e-5));
        BOOST_TEST(sum_of_squares(bytes_of(narrow), stored_as::bf16) == exact,
                   boost::test_tools::tolerance(1e-2));
        BOOST_TEST(sum_of_squares(bytes_of(half), stored_as::fp16) ==
                       0.25 * static_cast<double>(count),
                   boost::test_tools::tolerance(1e-5));
    }
    const std::vector<float> tiny(1000, 1e-25F); // whose squares are below fp32
    BOOST_TEST(sum_of_squares(bytes_of(tiny), stored_as::fp32) >= 1000 * 1e-50);
}

BOOST_AUTO_TEST_CASE(one_weight_that_is_not_finite_shows_wherever_it_stands)
{
    for (const float bad : {no_number, infinite, -infinite})
        for (const std::size_t at : {0U, 16U, 47U, 8191U, 8192U, 9000U, 9007U}) {
            std::vector<float> wide(9008);
            wide[at] = bad;
            const std::vector<std::uint16_t> narrow = cut_to_bf16(wide);
            std::vector<std::uint16_t> half(wide.size());
            half[at] = std::isnan(bad) ? 0x7e00 : 0xfc00;
            BOOST_TEST(!std::isfinite(norm(wide)));
            BOOST_TEST(!std::isfinite(sum_of_squares(bytes_of(narrow), stored_as::bf16)));
            BOOST_TEST(!std::isfinite(sum_of_squares(bytes_of(half), stored_as::fp16)));
        }
}

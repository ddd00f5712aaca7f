// Inner loops on every instruction set that this machine has.

#include "hf/compute/memory_block.hpp"
#include "hf/compute/product_kernels.hpp"
#include "hf/compute/quantized_unit.hpp"
#include "hf/compute/simd_panel.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

using namespace warmd::hf;

namespace warmd::hf {

std::ostream& boost_test_print_type(std::ostream& to, instruction_set which)
{
    return to << name_of(which);
}

} // namespace warmd::hf

namespace {

/// Numbers that bf16 has as well, so that sums can be told apart by a single rounding.
std::vector<float> noise(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> spread(-1, 1);
    std::vector<float> values(count);
    for (float& value : values)
        value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(spread(random)) & 0xffff0000U);
    return values;
}

std::vector<std::uint16_t> narrowed(const std::vector<float>& exact)
{
    std::vector<std::uint16_t> narrow;
    for (const float each : exact)
        narrow.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(each) >> 16));
    return narrow;
}

struct shape {
    std::size_t in, outs;
};
// one of everything; less than a block, one and more; several pieces, the last one short; odd
constexpr shape shapes[] = {{1, 1},    {3, 31},   {8, 32},   {37, 53},
                            {64, 128}, {256, 70}, {257, 96}, {700, 129}};
constexpr std::size_t most_rows = 33;

/// x [rows, in] times the weights of a panel.
std::vector<float> product(std::unique_ptr<panel_layout> layout, std::span<const std::byte> weights,
                           stored_as type, const shape& of, std::span<const std::byte> x,
                           std::size_t rows)
{
    const memory_block memory(layout->bytes());
    const auto panel = layout->pack(weights.data(), type, memory.data());
    tile_room room(0);
    room.make(rows * of.outs * sizeof(float), layout->prepare(rows, 1));
    panel->multiply(x.data(), rows, room);
    return {room.result(), room.result() + rows * of.outs};
}

template <class Number>
std::span<const std::byte> bytes_of(const std::vector<Number>& numbers)
{
    return std::as_bytes(std::span(numbers));
}

bool fuses(instruction_set by) { return by >= instruction_set::avx2; }

} // namespace

// Which is more than that rows are independent: nothing else decides about a bit.
BOOST_DATA_TEST_CASE(an_element_is_one_sum_over_the_inputs_in_their_order,
                     boost::unit_test::data::make(std::vector<instruction_set>(
                         instruction_sets().begin(), instruction_sets().end())),
                     by)
{
    for (const shape& of : shapes) {
        const auto w = noise(of.in * of.outs, 1), x = noise(of.in * most_rows, 2);
        const auto narrow = narrowed(w);
        std::vector<float> sums(most_rows * of.outs);
        for (std::size_t r = 0; r != most_rows; ++r)
            for (std::size_t o = 0; o != of.outs; ++o)
                for (std::size_t i = 0; i != of.in; ++i) {
                    float& sum = sums[r * of.outs + o];
                    const float a = x[r * of.in + i], b = w[o * of.in + i];
                    sum = fuses(by) ? std::fma(a, b, sum) : sum + a * b;
                }
        for (std::size_t rows = 1; rows <= most_rows; ++rows) {
            const bool as_it_is = rows % 2 == 0; // or widened
            const auto make = rows % 3 == 0 ? make_widening_panel : make_fp32_panel;
            const auto y = product(
                make(of.in, of.outs, kernels_of(by)), as_it_is ? bytes_of(w) : bytes_of(narrow),
                as_it_is ? stored_as::fp32 : stored_as::bf16, of, bytes_of(x), rows);
            BOOST_TEST(std::memcmp(y.data(), sums.data(), y.size() * sizeof(float)) == 0,
                       "[" << of.in << ", " << of.outs << "], " << rows << " rows");
        }
    }
}

namespace {

/// Weights [outs, in] as a unit of theirs gives them back.
template <class Unit>
std::vector<float> given_back(const std::vector<float>& w, std::size_t in)
{
    std::vector<float> back(w.size());
    for (std::size_t row = 0; row != w.size(); row += in)
        for (std::size_t i = 0; i < in; i += quantized_inputs) {
            const std::size_t count = std::min(quantized_inputs, in - i);
            Unit unit;
            quantize(std::span(w).subspan(row + i, count), unit);
            widen(unit, std::span(back).subspan(row + i, count));
        }
    return back;
}

} // namespace

// So that an element of a product of quantized weights is one sum, too, whose terms are those of
// the weights that they are.
BOOST_DATA_TEST_CASE(a_product_of_quantized_weights_is_that_of_the_numbers_they_stand_for,
                     boost::unit_test::data::make(std::vector<instruction_set>(
                         instruction_sets().begin(), instruction_sets().end())),
                     by)
{
    if (!fuses(by)) {
        BOOST_TEST_MESSAGE("without fused additions int4 rounds twice: " << name_of(by));
        return;
    }
    for (const shape& of : shapes) {
        const auto w = noise(of.in * of.outs, 1), x = noise(of.in * most_rows, 2);
        for (const bool to_4 : {false, true}) {
            const auto stands_for =
                to_4 ? given_back<int4_unit>(w, of.in) : given_back<int8_unit>(w, of.in);
            for (std::size_t rows = 1; rows <= most_rows; ++rows) {
                const auto expected =
                    product(make_fp32_panel(of.in, of.outs, kernels_of(by)), bytes_of(stands_for),
                            stored_as::fp32, of, bytes_of(x), rows);
                const auto make = to_4 ? make_int4_panel : make_int8_panel;
                const auto y = product(make(of.in, of.outs, kernels_of(by)), bytes_of(w),
                                       stored_as::fp32, of, bytes_of(x), rows);
                BOOST_TEST(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) == 0,
                           "[" << of.in << ", " << of.outs << "], " << rows << " rows");
            }
        }
    }
}

namespace {

boost::test_tools::assertion_result there_is_bf16(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result there(kernels_of(instruction_sets().back()).bf16 &&
                                              has_bf16());
    there.message() << "SKIPPED: no AVX512-BF16";
    return there;
}

} // namespace

// Of each pair of inputs the second first: as VDPBF16PS is described.
BOOST_AUTO_TEST_CASE(an_element_in_bf16_is_one_sum_over_pairs_of_inputs_in_their_order,
                     *boost::unit_test::precondition(there_is_bf16))
{
    for (const shape& of : shapes) {
        const auto w = noise(of.in * of.outs, 1), x = noise(of.in * most_rows, 2);
        const auto narrow_w = narrowed(w), narrow_x = narrowed(x);
        std::vector<float> sums(most_rows * of.outs);
        for (std::size_t r = 0; r != most_rows; ++r)
            for (std::size_t o = 0; o != of.outs; ++o)
                for (std::size_t pair = 0; pair < of.in; pair += 2)
                    for (const std::size_t i : {pair + 1, pair}) {
                        float& sum = sums[r * of.outs + o];
                        if (i < of.in)
                            sum = std::fma(x[r * of.in + i], w[o * of.in + i], sum);
                    }
        for (std::size_t rows = 1; rows <= most_rows; ++rows) {
            const bool as_it_is = rows % 2 == 0; // or rounded
            const auto y =
                product(make_bf16_panel(of.in, of.outs, kernels_of(instruction_sets().back())),
                        as_it_is ? bytes_of(narrow_w) : bytes_of(w),
                        as_it_is ? stored_as::bf16 : stored_as::fp32, of, bytes_of(narrow_x), rows);
            BOOST_TEST(std::memcmp(y.data(), sums.data(), y.size() * sizeof(float)) == 0,
                       "[" << of.in << ", " << of.outs << "], " << rows << " rows");
        }
    }
}

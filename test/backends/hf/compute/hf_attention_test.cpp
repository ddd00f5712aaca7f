// Both kinds of attention: that they are the formula's, and the same bits whatever happens around a
// query.

#include "hf/compute/attention.hpp"
#include "hf/compute/memory_block.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

using namespace warmd::hf;

namespace {

std::unique_ptr<const attention> made(const std::string& kind, std::size_t head_dim)
{
    return kind == "amx" ? make_amx_attention(head_dim) : make_fp32_attention(head_dim);
}

std::vector<float> noise(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> spread;
    std::vector<float> values(count);
    for (float& value : values)
        value = spread(random);
    return values;
}

constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

/// One head: its positions put into blocks, and queries [head_dim] that look at them.
struct head {
    const attention& by;
    std::size_t head_dim;
    std::vector<float> keys, values, queries; // [positions or queries, head_dim]
    std::vector<memory_block> blocks;

    /// `left_over` is what earlier users of the blocks left there.
    head(const attention& kind, std::size_t dim, std::size_t positions, std::size_t count,
         float left_over = 0)
        : by(kind), head_dim(dim), keys(noise(positions * dim, 1)),
          values(noise(positions * dim, 2)), queries(noise(count * dim, 3))
    {
        for (std::size_t i = 0; i != positions; ++i) {
            if (i % attention_block == 0) {
                blocks.emplace_back(by.block_bytes());
                std::memset(blocks.back().data(), 0, by.block_bytes());
                const std::vector<float> old(dim, left_over);
                for (std::size_t slot = 0; slot != attention_block; ++slot)
                    by.put(old.data(), old.data(), slot, blocks.back().data());
            }
            by.put(&keys[i * dim], &values[i * dim], i % attention_block, blocks.back().data());
        }
    }

    /// The outputs [count, head_dim] of queries [first, first + count), of which the i-th sees
    /// the last `window` of visible[i] positions, given blocks from `skipped` on.
    std::vector<float> attend(std::size_t first, std::span<const std::size_t> visible,
                              std::size_t window = unbounded, std::size_t skipped = 0) const
    {
        const std::size_t begin = skipped * attention_block;
        std::vector<float> out(visible.size() * head_dim, std::numeric_limits<float>::quiet_NaN());
        std::vector<attention_query> tile;
        for (std::size_t i = 0; i != visible.size(); ++i)
            tile.push_back({&queries[(first + i) * head_dim], &out[i * head_dim],
                            visible[i] - begin, visible[i] - std::min(visible[i], window) - begin});
        std::vector<const std::byte*> seen;
        for (std::size_t i = skipped; i * attention_block < *std::ranges::max_element(visible); ++i)
            seen.push_back(blocks[i].data());
        by.attend(tile, seen);
        return out;
    }

    /// By the definition, in fp64.
    std::vector<double> expected(std::size_t query, std::size_t visible,
                                 std::size_t window = unbounded, double cap = 0) const
    {
        const std::size_t first = visible - std::min(visible, window);
        std::vector<double> weights, out(head_dim);
        for (std::size_t i = first; i != visible; ++i) {
            double score = 0;
            for (std::size_t d = 0; d != head_dim; ++d)
                score += static_cast<double>(queries[query * head_dim + d]) *
                         static_cast<double>(keys[i * head_dim + d]);
            score /= std::sqrt(static_cast<double>(head_dim));
            weights.push_back(std::exp(cap == 0 ? score : cap * std::tanh(score / cap)));
        }
        double sum = 0;
        for (const double each : weights)
            sum += each;
        for (std::size_t i = first; i != visible; ++i)
            for (std::size_t d = 0; d != head_dim; ++d)
                out[d] += weights[i - first] / sum * static_cast<double>(values[i * head_dim + d]);
        return out;
    }
};

bool same_bits(std::span<const float> a, std::span<const float> b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

constexpr std::size_t head_dims[] = {4, 8, 16, 20, 24, 32, 34, 48, 64, 80, 96, 100, 128, 160};

/// Some queries see less than others.
std::vector<std::size_t> staggered(std::size_t count, std::size_t positions)
{
    std::vector<std::size_t> visible(count);
    for (std::size_t i = 0; i != count; ++i)
        visible[i] = positions - std::min(positions - 1, (count - 1 - i) / 3);
    return visible;
}

std::vector<std::string> kinds_of_this_machine()
{
    return make_amx_attention(64) ? std::vector<std::string>{"fp32", "amx"}
                                  : std::vector<std::string>{"fp32"};
}
const auto kinds = boost::unit_test::data::make(kinds_of_this_machine());

boost::test_tools::assertion_result amx_is_there(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result there(make_amx_attention(64) != nullptr);
    there.message() << "this machine has no AMX: its attention is not tested";
    return there;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_model_in_bf16_attends_by_amx, *boost::unit_test::precondition(amx_is_there))
{
    BOOST_TEST(make_attention(64, format_of(precision::bf16))->block_bytes() ==
               make_amx_attention(64)->block_bytes());
    BOOST_TEST(make_attention(64, format_of(precision::fp32))->block_bytes() ==
               make_fp32_attention(64)->block_bytes());
    BOOST_TEST(make_amx_attention(64)->block_bytes() * 2 == make_fp32_attention(64)->block_bytes());
}

BOOST_DATA_TEST_CASE(attention_is_that_of_the_definition,
                     kinds* boost::unit_test::data::make(head_dims), kind, head_dim)
{
    const auto by = made(kind, head_dim);
    const double tolerance =
        kind == "amx"
            ? 0.03
            : 1e-5; // rounded to 8 bits are scores of up to 4, weights, and values of up to 4
    for (const std::size_t positions : {1, 2, 15, 16, 31, 32, 33, 64, 100, 300})
        for (const std::size_t count : {1, 3, 8, 9, 16, 17, 31, 32}) {
            if (count > by->most_queries())
                continue;
            const head one(*by, head_dim, positions, count);
            const auto visible = staggered(count, positions);
            const auto found = one.attend(0, visible);
            double furthest = 0;
            for (std::size_t i = 0; i != count; ++i) {
                const auto expected = one.expected(i, visible[i]);
                for (std::size_t d = 0; d != head_dim; ++d) {
                    const double distance =
                        std::abs(static_cast<double>(found[i * head_dim + d]) - expected[d]);
                    furthest = distance <= furthest ? furthest : distance; // NaN is the furthest
                }
            }
            BOOST_TEST(furthest <= tolerance,
                       positions << " positions, " << count << " queries: off by " << furthest);
        }
}

BOOST_DATA_TEST_CASE(a_query_has_the_same_bits_whatever_attends_beside_it,
                     kinds* boost::unit_test::data::make(head_dims), kind, head_dim)
{
    const auto by = made(kind, head_dim);
    for (const std::size_t positions : {1, 33, 300}) {
        const std::size_t count = by->most_queries();
        const head one(*by, head_dim, positions, count);
        const auto visible = staggered(count, positions);
        const auto together = one.attend(0, visible);
        for (const std::size_t tile : {1, 3, 7, 16, 17})
            for (std::size_t first = 0; first < count; first += tile) {
                const std::size_t last = std::min(first + tile, count);
                const auto apart =
                    one.attend(first, std::span(visible).subspan(first, last - first));
                const std::span there(&together[first * head_dim], (last - first) * head_dim);
                BOOST_TEST(same_bits(apart, there),
                           positions << " positions, queries " << first << " to " << last);
            }
    }
}

BOOST_DATA_TEST_CASE(a_query_has_the_same_bits_whatever_follows_what_it_sees,
                     kinds* boost::unit_test::data::make(head_dims), kind, head_dim)
{
    const auto by = made(kind, head_dim);
    const head longer(*by, head_dim, 299, 2);
    for (const std::size_t visible : {1, 5, 31, 32, 33, 70, 128}) {
        const head alone(*by, head_dim, visible, 2), used(*by, head_dim, visible, 2, 1e30f);
        const auto expected = alone.attend(0, std::vector{visible});
        BOOST_TEST(same_bits(used.attend(0, std::vector{visible}), expected),
                   visible << " positions, in blocks that were used");
        const auto both = longer.attend(
            0, std::vector<std::size_t>{visible, 299}); // a neighbour sees more of them
        BOOST_TEST(same_bits(std::span(both).first(head_dim), expected),
                   visible << " positions of 299");
    }
}

namespace {

/// How far outputs are from the definition's.
double furthest(const head& one, std::span<const float> found, std::span<const std::size_t> visible,
                std::size_t window, double cap = 0)
{
    double most = 0;
    for (std::size_t i = 0; i != visible.size(); ++i) {
        const auto expected = one.expected(i, visible[i], window, cap);
        for (std::size_t d = 0; d != one.head_dim; ++d) {
            const double distance =
                std::abs(static_cast<double>(found[i * one.head_dim + d]) - expected[d]);
            most = distance <= most ? most : distance; // NaN is the furthest
        }
    }
    return most;
}

} // namespace

BOOST_DATA_TEST_CASE(a_query_with_a_window_sees_so_many_positions_and_no_blocks_before,
                     kinds* boost::unit_test::data::make(head_dims), kind, head_dim)
{
    const auto by = made(kind, head_dim);
    const double tolerance = kind == "amx" ? 0.03 : 1e-5;
    const std::size_t count = std::min<std::size_t>(by->most_queries(), 9);
    for (const std::size_t positions : {9, 33, 100, 300})
        for (const std::size_t window : {1, 2, 8, 31, 32, 33, 64, 99, 100, 101}) {
            const head one(*by, head_dim, positions, count);
            const auto visible = staggered(count, positions);
            const auto all = one.attend(0, visible, window);
            BOOST_TEST(furthest(one, all, visible, window) <= tolerance,
                       positions << " positions, a window of " << window);
            const std::size_t least = visible[0] - std::min(visible[0], window);
            BOOST_TEST(same_bits(one.attend(0, visible, window, least / attention_block), all),
                       positions << " positions, a window of " << window);
        }
}

BOOST_DATA_TEST_CASE(scores_are_capped_softly, boost::unit_test::data::make(head_dims), head_dim)
{
    const auto by = make_fp32_attention(head_dim, 1.5F);
    const head one(*by, head_dim, 70, 3);
    const auto visible = staggered(3, 70);
    BOOST_TEST(furthest(one, one.attend(0, visible), visible, unbounded, 1.5) <= 1e-5);
    BOOST_TEST(furthest(one, one.attend(0, visible), visible, unbounded) > 1e-3);
}

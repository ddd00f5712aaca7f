#include "hf/compute/attention.hpp"

#include "hf/compute/amx.hpp"
#include "hf/compute/avx512.hpp"
#include "hf/compute/processor.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__)

namespace warmd::hf {

using namespace amx;

namespace {

constexpr std::size_t tile_queries = tile_rows;
constexpr std::size_t tile_bytes = tile_queries * step * sizeof(float);
static_assert(attention_block == step && attention_block == 2 * register_rows);

/// The blocks of one head, as registers of B: for each `step` of the head's dimensions the keys of
/// the lower and of the upper 16 positions, in pairs of dimensions; then for each 16 dimensions the
/// values, in pairs of positions. Dimensions beyond the head's are 0.
struct layout {
    std::size_t head_dim;
    std::size_t steps = (head_dim + step - 1) / step;

    std::size_t padded() const { return steps * step; }
    std::size_t keys_at(std::size_t s, std::size_t half) const
    {
        return (2 * s + half) * register_bytes;
    }
    std::size_t values_at(std::size_t s, std::size_t half) const
    {
        return keys_at(steps + s, half);
    }
    std::size_t block_bytes() const { return 4 * steps * register_bytes; }
};

WARMD_AMX [[gnu::always_inline]] inline __m512 load(const std::byte* from)
{
    return _mm512_loadu_ps(from);
}

/// Of 32 positions from `first` on, those that come before `end`.
WARMD_AMX [[gnu::always_inline]] inline std::uint32_t before(std::size_t end, std::size_t first)
{
    return _bzhi_u32(
        ~0u, static_cast<std::uint32_t>(std::min(end - std::min(end, first), attention_block)));
}
/// Those that a query sees.
WARMD_AMX [[gnu::always_inline]] inline std::uint32_t seen(const attention_query& by,
                                                           std::size_t first)
{
    return before(by.visible, first) & ~before(by.first, first);
}

/// 2^x for x <= 0. Not below 2^-126: the processor is slow with smaller numbers.
WARMD_AMX [[gnu::always_inline]] inline __m512 power_of_two(__mmask16 some, __m512 x)
{
    // In this order it is NaN where x is.
    return avx512::powers_of_two(some, _mm512_max_ps(_mm512_set1_ps(-126.0f), x));
}

/// One attend(): its memory, and what is known of each query.
struct tile_work {
    const layout& of;
    std::span<const attention_query> queries;
    std::span<const std::byte* const> blocks;
    std::byte* q;      // [tile_queries, padded] bf16
    std::byte* scores; // of each block [tile_queries, attention_block] fp32; then in each row's
                       // first half bf16 probabilities
    std::byte* out;    // [tile_queries, step] fp32
    alignas(64) std::array<std::array<float, register_rows>,
                           tile_queries> highest; // scores, of every 16th position
    alignas(64) std::array<std::array<float, register_rows>,
                           tile_queries> sums; // of probabilities, likewise
    std::array<float, tile_queries> top;       // the highest score, in powers of two
    std::array<float, tile_queries> share;     // 1 / the sum

    static constexpr std::size_t row = attention_block * sizeof(float); // of scores, in bytes

    std::byte* scores_of(std::size_t block) const { return scores + block * tile_bytes; }
};

WARMD_AMX void narrow_queries(const tile_work& on)
{
    for (std::size_t t = 0; t != on.queries.size(); ++t)
        for (std::size_t first = 0; first < on.of.head_dim; first += step)
            _mm512_storeu_ps(
                on.q + (t * on.of.padded() + first) * 2,
                reinterpret_cast<__m512>(narrow(on.queries[t].q + first, on.of.head_dim - first)));
    write_out();
}

/// Scores of all blocks, and the highest.
template <bool both>
WARMD_AMX void score(tile_work& on)
{
    for (std::size_t t = 0; t != on.queries.size(); ++t)
        on.highest[t].fill(-std::numeric_limits<float>::infinity());
    for (std::size_t block = 0; block != on.blocks.size(); ++block) {
        clear_sums<both>();
        for (std::size_t s = 0; s != on.of.steps; ++s)
            multiply<both>(on.q + s * row_bytes, on.of.padded() * 2,
                           on.blocks[block] + on.of.keys_at(s, 0));
        move_sums<to_memory, both>(on.scores_of(block));
        for (std::size_t t = 0; t != on.queries.size(); ++t) {
            const std::byte* const row = on.scores_of(block) + t * tile_work::row;
            const std::uint32_t some = seen(on.queries[t], block * attention_block);
            __m512 highest = _mm512_load_ps(on.highest[t].data());
            highest = _mm512_mask_max_ps(highest, static_cast<__mmask16>(some), highest, load(row));
            highest = _mm512_mask_max_ps(highest, static_cast<__mmask16>(some >> 16), highest,
                                         load(row + row_bytes));
            _mm512_store_ps(on.highest[t].data(), highest);
        }
    }
}

/// Scores become probabilities, but for their share: powers of two, rounded to bf16, and the sums
/// of what was rounded.
WARMD_AMX void soften(tile_work& on)
{
    const float scale =
        1.44269504f / std::sqrt(static_cast<float>(on.of.head_dim)); // log2(e) / sqrt(head_dim)
    const __m512bh ones = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3f80));
    for (std::size_t t = 0; t != on.queries.size(); ++t) {
        on.top[t] = _mm512_reduce_max_ps(_mm512_load_ps(on.highest[t].data())) * scale;
        on.sums[t].fill(0);
    }
    for (std::size_t block = 0; block != on.blocks.size(); ++block)
        for (std::size_t t = 0; t != on.queries.size(); ++t) {
            std::byte* const row = on.scores_of(block) + t * tile_work::row;
            const std::uint32_t some = seen(on.queries[t], block * attention_block);
            const __m512 top = _mm512_set1_ps(on.top[t]), factor = _mm512_set1_ps(scale);
            const __m512 low =
                power_of_two(static_cast<__mmask16>(some), _mm512_fmsub_ps(load(row), factor, top));
            const __m512 high = power_of_two(static_cast<__mmask16>(some >> 16),
                                             _mm512_fmsub_ps(load(row + row_bytes), factor, top));
            const __m512bh rounded = _mm512_cvtne2ps_pbh(high, low);
            _mm512_storeu_ps(row, reinterpret_cast<__m512>(rounded));
            _mm512_store_ps(on.sums[t].data(),
                            _mm512_dpbf16_ps(_mm512_load_ps(on.sums[t].data()), rounded, ones));
        }
    for (std::size_t t = 0; t != on.queries.size(); ++t)
        on.share[t] = 1 / _mm512_reduce_add_ps(_mm512_load_ps(on.sums[t].data()));
    write_out();
}

/// Probabilities times values.
template <bool both>
WARMD_AMX void mix(const tile_work& on)
{
    for (std::size_t s = 0; s != on.of.steps; ++s) {
        clear_sums<both>();
        for (std::size_t block = 0; block != on.blocks.size(); ++block)
            multiply<both>(on.scores_of(block), tile_work::row,
                           on.blocks[block] + on.of.values_at(s, 0));
        move_sums<to_memory, both>(on.out);
        const auto some =
            _bzhi_u32(~0u, static_cast<std::uint32_t>(std::min(on.of.head_dim - s * step, step)));
        for (std::size_t t = 0; t != on.queries.size(); ++t) {
            const std::byte* const row = on.out + t * tile_work::row;
            float* const to = on.queries[t].out + s * step;
            const __m512 share = _mm512_set1_ps(on.share[t]);
            _mm512_mask_storeu_ps(to, static_cast<__mmask16>(some), load(row) * share);
            _mm512_mask_storeu_ps(to + register_rows, static_cast<__mmask16>(some >> 16),
                                  load(row + row_bytes) * share);
        }
    }
}

template <bool both>
WARMD_AMX void attend_tile(tile_work& on)
{
    const tile_configuration configuration(on.queries.size());
    write_out();
    _tile_loadconfig(&configuration);
    narrow_queries(on);
    score<both>(on);
    soften(on);
    mix<both>(on);
    _tile_release();
}

/// Keys: pair i of 32 dimensions goes to row i of their register.
WARMD_AMX void put_key(const layout& of, const float* key, std::size_t slot, std::byte* block)
{
    for (std::size_t s = 0; s != of.steps; ++s) {
        alignas(64) std::array<std::uint32_t, register_rows> pairs;
        _mm512_store_ps(pairs.data(),
                        reinterpret_cast<__m512>(narrow(key + s * step, of.head_dim - s * step)));
        std::byte* to =
            block + of.keys_at(s, slot / register_rows) + slot % register_rows * sizeof pairs[0];
        for (std::size_t i = 0; i != pairs.size(); ++i)
            std::memcpy(to + i * row_bytes, &pairs[i], sizeof pairs[i]);
    }
}

/// Values: a pair of positions is a row, and this position is its even or its odd half.
WARMD_AMX void put_value(const layout& of, const float* value, std::size_t slot, std::byte* block)
{
    const __mmask32 own = slot % 2 == 0 ? 0x55555555 : 0xaaaaaaaa;
    const __m128i shift = _mm_cvtsi32_si128(slot % 2 == 0 ? 0 : 16);
    for (std::size_t s = 0; s != of.steps; ++s) {
        const auto both =
            reinterpret_cast<__m512i>(narrow(value + s * step, of.head_dim - s * step));
        for (std::size_t half = 0; half != 2; ++half) {
            const __m256i some =
                half == 0 ? _mm512_castsi512_si256(both) : _mm512_extracti64x4_epi64(both, 1);
            _mm512_mask_storeu_epi16(block + of.values_at(s, half) + slot / 2 * row_bytes, own,
                                     _mm512_sll_epi32(_mm512_cvtepu16_epi32(some), shift));
        }
    }
}

class amx_attention final : public attention {
public:
    explicit amx_attention(std::size_t head_dim) : of_{head_dim} {}

    std::size_t most_queries() const override { return tile_queries; }
    std::size_t block_bytes() const override { return of_.block_bytes(); }
    void put(const float* key, const float* value, std::size_t slot,
             std::byte* block) const override
    {
        put_key(of_, key, slot, block);
        put_value(of_, value, slot, block);
    }
    void attend(std::span<const attention_query> queries,
                std::span<const std::byte* const> blocks) const override
    {
        const std::size_t q_bytes = tile_queries * of_.padded() * 2;
        std::byte* const scratch = own_scratch(tile_bytes * (blocks.size() + 1) + q_bytes);
        tile_work on{.of = of_,
                     .queries = queries,
                     .blocks = blocks,
                     .q = scratch,
                     .scores = scratch + q_bytes + tile_bytes,
                     .out = scratch + q_bytes,
                     .highest = {},
                     .sums = {},
                     .top = {},
                     .share = {}};
        if (queries.size() > register_rows)
            attend_tile<true>(on);
        else
            attend_tile<false>(on);
    }

private:
    layout of_;
};

} // namespace

std::unique_ptr<const attention> make_amx_attention(std::size_t head_dim)
{
    return amx_is_permitted() ? std::make_unique<amx_attention>(head_dim) : nullptr;
}

} // namespace warmd::hf

#else

namespace warmd::hf {

std::unique_ptr<const attention> make_amx_attention(std::size_t) { return nullptr; }

} // namespace warmd::hf

#endif

#include "hf/compute/attention.hpp"

#include "hf/compute/vectors.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace warmd::hf {

namespace {

/// Queries that attend together.
constexpr std::size_t tile_queries = 8;

/// The blocks of one head: keys [head_dim, attention_block], so that scores of neighbouring
/// positions come out together; values [attention_block, value_stride].
struct layout {
    std::size_t head_dim;
    float score_cap; // 0: none
    std::size_t value_stride = (head_dim + 2 * lanes - 1) / (2 * lanes) * (2 * lanes);

    std::size_t floats_per_block() const { return attention_block * (head_dim + value_stride); }
    std::size_t values_at() const { return attention_block * head_dim; }
};

[[gnu::always_inline]] inline const float* floats_of(const std::byte* block)
{
    return reinterpret_cast<const float*>(block);
}

/// One tile's scores: out[t][j] = q[t] . key j, for one block of keys; q [head_dim, tile_queries].
[[gnu::always_inline]] inline void score_block(const float* q, const float* keys,
                                               std::size_t head_dim, float* out,
                                               std::size_t out_stride)
{
    static_assert(attention_block == 2 * lanes);
    floats lower[tile_queries] = {}, upper[tile_queries] = {};
    for (std::size_t d = 0; d != head_dim; ++d) {
        floats low, high;
        load(keys + d * attention_block, low);
        load(keys + d * attention_block + lanes, high);
#pragma GCC unroll 8
        for (std::size_t t = 0; t != tile_queries; ++t) {
            lower[t] += q[d * tile_queries + t] * low;
            upper[t] += q[d * tile_queries + t] * high;
        }
    }
#pragma GCC unroll 8
    for (std::size_t t = 0; t != tile_queries; ++t) {
        store(lower[t], out + t * out_stride);
        store(upper[t], out + t * out_stride + lanes);
    }
}

/// Scores of whole blocks of positions to what exponentials are made of: times `scale`, capped.
[[gnu::always_inline]] inline void cap_scores(float* scores, std::size_t positions, float scale,
                                              float cap)
{
    for (std::size_t first = 0; first != positions; first += lanes) {
        floats x;
        load(scores + first, x);
        x *= scale;
        cap_softly(x, cap);
        store(x, scores + first);
    }
}

/// Of 16 positions from `first` on those in [seen, visible) keep their numbers. In vectors by hand:
/// GCC 12 leaves the choice to one number at a time.
[[gnu::always_inline]] inline void keep_seen(floats& x, const floats& otherwise, std::size_t first,
                                             std::size_t seen, std::size_t visible)
{
    if (first >= seen && first + lanes <= visible)
        return; // nearly all of a long text
    const ints at = ints{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} +
                    static_cast<std::int32_t>(first);
    x = ((at >= static_cast<std::int32_t>(seen)) & (at < static_cast<std::int32_t>(visible)))
            ? x
            : otherwise;
}

/// Scores of whole blocks of positions to probabilities; positions before `seen` and from `visible`
/// on get 0.
[[gnu::always_inline]] inline void soften(float* scores, std::size_t seen, std::size_t visible,
                                          std::size_t positions, float scale)
{
    floats highest = floats{} + scores[seen], sums{};
    for (std::size_t first = 0; first != positions; first += lanes) {
        floats x;
        load(scores + first, x);
        keep_seen(x, highest, first, seen, visible);
        highest = x > highest ? x : highest;
    }
    float top = highest[0];
    for (std::size_t i = 1; i != lanes; ++i)
        top = highest[i] > top ? highest[i] : top;
    for (std::size_t first = 0; first != positions; first += lanes) {
        floats x;
        load(scores + first, x);
        x = (x - top) * scale;
        exponentials(x);
        keep_seen(x, floats{}, first, seen, visible);
        sums += x;
        store(x, scores + first);
    }
    const float share = 1 / sum_of(sums);
    for (std::size_t j = 0; j < positions; ++j)
        scores[j] *= share;
}

/// Queries that mix together: with more, their weights' addresses would not fit into registers.
constexpr std::size_t mixed_queries = 4;

/// `vectors` vectors of columns of mixed_queries outputs: out[t] [vectors * lanes] = weights[t] .
/// values. The columns begin at `first` in a block, in floats.
template <std::size_t vectors>
[[gnu::always_inline]] inline void mix_columns(const float* weights,
                                               std::span<const std::byte* const> blocks,
                                               std::size_t stride, std::size_t first,
                                               std::size_t positions,
                                               float (&out)[mixed_queries][vectors * lanes])
{
    floats sums[mixed_queries * vectors] = {};
    for (std::size_t at = 0; at != positions; ++at) {
        const float* const row =
            floats_of(blocks[at / attention_block]) + at % attention_block * stride + first;
        floats columns[vectors];
#pragma GCC unroll 4
        for (std::size_t i = 0; i != vectors; ++i)
            load(row + i * lanes, columns[i]);
#pragma GCC unroll 4
        for (std::size_t t = 0; t != mixed_queries; ++t) {
            const float weight = weights[t * positions + at];
#pragma GCC unroll 4
            for (std::size_t i = 0; i != vectors; ++i)
                sums[t * vectors + i] += weight * columns[i];
        }
    }
#pragma GCC unroll 4
    for (std::size_t t = 0; t != mixed_queries; ++t)
#pragma GCC unroll 4
        for (std::size_t i = 0; i != vectors; ++i)
            store(sums[t * vectors + i], out[t] + i * lanes);
}

/// Outputs [head_dim] of mixed_queries queries or fewer.
[[gnu::always_inline]] inline void mix(std::span<const attention_query> queries,
                                       const float* weights,
                                       std::span<const std::byte* const> blocks, const layout& of,
                                       std::size_t positions)
{
    constexpr std::size_t wide = 4, narrow = 2;
    for (std::size_t first = 0; first < of.head_dim;) {
        float out[mixed_queries][wide * lanes];
        float narrow_out[mixed_queries][narrow * lanes];
        const bool is_wide = first + wide * lanes <= of.value_stride;
        if (is_wide)
            mix_columns<wide>(weights, blocks, of.value_stride, of.values_at() + first, positions,
                              out);
        else
            mix_columns<narrow>(weights, blocks, of.value_stride, of.values_at() + first, positions,
                                narrow_out);
        const std::size_t count = std::min((is_wide ? wide : narrow) * lanes, of.head_dim - first);
        for (std::size_t t = 0; t != queries.size(); ++t)
            std::memcpy(queries[t].out + first, is_wide ? out[t] : narrow_out[t],
                        count * sizeof(float));
        first += count;
    }
}

WARMD_FOR_EACH_LEVEL
void attend_tile(const layout& of, std::span<const attention_query> queries,
                 std::span<const std::byte* const> blocks, float* scratch)
{
    float* const q = scratch; // [head_dim, tile_queries]; a short tile repeats its last query
    for (std::size_t t = 0; t != tile_queries; ++t) {
        const attention_query& query = queries[std::min(t, queries.size() - 1)];
        for (std::size_t d = 0; d != of.head_dim; ++d)
            q[d * tile_queries + t] = query.q[d];
    }
    const std::size_t positions = blocks.size() * attention_block;
    float* const scores = scratch + of.head_dim * tile_queries; // [tile_queries, positions]
    for (std::size_t block = 0; block != blocks.size(); ++block)
        score_block(q, floats_of(blocks[block]), of.head_dim, scores + block * attention_block,
                    positions);
    float scale = 1 / std::sqrt(static_cast<float>(of.head_dim));
    if (of.score_cap != 0) {
        cap_scores(scores, tile_queries * positions, scale, of.score_cap);
        scale = 1;
    }
    for (std::size_t t = 0; t != tile_queries; ++t) {
        const attention_query& query = queries[std::min(t, queries.size() - 1)];
        soften(scores + t * positions, query.first, query.visible, positions, scale);
    }
    for (std::size_t first = 0; first < queries.size(); first += mixed_queries)
        mix(queries.subspan(first, std::min(mixed_queries, queries.size() - first)),
            scores + first * positions, blocks, of, positions);
}

class fp32_attention final : public attention {
public:
    fp32_attention(std::size_t head_dim, float score_cap) : of_{head_dim, score_cap} {}

    std::size_t most_queries() const override { return tile_queries; }
    std::size_t block_bytes() const override { return of_.floats_per_block() * sizeof(float); }
    void put(const float* key, const float* value, std::size_t slot,
             std::byte* block) const override
    {
        float* const floats = reinterpret_cast<float*>(block);
        for (std::size_t d = 0; d != of_.head_dim; ++d)
            floats[d * attention_block + slot] = key[d];
        std::copy_n(value, of_.head_dim, floats + of_.values_at() + slot * of_.value_stride);
    }
    void attend(std::span<const attention_query> queries,
                std::span<const std::byte* const> blocks) const override
    {
        const std::size_t floats = tile_queries * (of_.head_dim + blocks.size() * attention_block);
        attend_tile(of_, queries, blocks,
                    reinterpret_cast<float*>(own_scratch(floats * sizeof(float))));
    }

private:
    layout of_;
};

} // namespace

std::unique_ptr<const attention> make_fp32_attention(std::size_t head_dim, float score_cap)
{
    return std::make_unique<fp32_attention>(head_dim, score_cap);
}

} // namespace warmd::hf

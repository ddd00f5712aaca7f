// What a forward pass does with queries, keys and values, head by head.

#include "hf/model/transformer.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

#include <algorithm>

namespace warmd::hf {

/// A row's columns from `first` on, which stand head by head, to where qkv_ has them.
void transformer::put_by_head(const float* y, std::size_t first, std::size_t outs, float* qkv) const
{
    const std::size_t dim = config().head_dim;
    for (std::size_t done = 0; done != outs;) {
        const std::size_t at = first + done, head = at / (3 * dim), which = at / dim % 3,
                          count = std::min(dim - at % dim, outs - done);
        std::copy_n(y + done, count, qkv + which * config().q_width() + head * dim + at % dim);
        done += count;
    }
}

/// Norms of queries and keys that span all heads.
void transformer::normalise_whole(const team_member& me, std::size_t layer)
{
    const model_config& shape = config();
    const auto spans_heads = [&](norm_place place) {
        return shape.plan[layer][place].width > shape.head_dim;
    };
    if (!spans_heads(norm_place::of_queries) && !spans_heads(norm_place::of_keys))
        return;
    const auto [first, last] = rows_.shared(me);
    for (std::size_t i = first; i != last; ++i) {
        float* at = &qkv_[i * shape.qkv_width()];
        for (const norm_place place : {norm_place::of_queries, norm_place::of_keys}) {
            if (spans_heads(place)) // of a single head's keys, prepare_heads()
                normalise(norm_at(rows_[i], layer, place), at, at);
            at += shape.q_width();
        }
    }
    if (!rows_.by_rows())
        me.wait_for_all();
}

/// Norms and rotates queries and keys; puts keys and values into the caches. Of its own rows; where
/// rows are shared, of all rows some heads, since neighbouring positions lie in one cache line.
void transformer::prepare_heads(const team_member& me, std::size_t layer,
                                std::span<const segment> segments)
{
    const model_config& shape = config();
    const std::size_t dim = shape.head_dim, width = shape.qkv_width(),
                      group = shape.heads / shape.kv_heads;
    const auto [first, last] = rows_.by_rows() ? rows_.shared(me) : row_range{0, rows_.size()};
    const auto by = config().plan[layer].rotation;
    const bool turned_first = config().plan[layer].norms_turned;
    const auto prepare = [&](std::size_t i, float* x, norm_place place, std::size_t head) {
        const norm_shape& norm = config().plan[layer][place];
        const auto normalise_head = [&] {
            if (norm.width == dim)
                normalise(norm_at(rows_[i], layer, place), norm.heads == 0 ? 0 : head * dim, dim, x,
                          x);
        };
        if (!turned_first)
            normalise_head();
        if (by)
            (shape.rotations[*by].neighbours ? rotate_neighbours : rotate)(
                x, &cosines_[angles_at(*by, i)], &sines_[angles_at(*by, i)],
                frequencies_.at(0)[*by].size());
        if (turned_first)
            normalise_head();
    };
    for (std::size_t head = rows_.by_rows() ? 0 : me.index; head < shape.kv_heads;
         head += rows_.by_rows() ? 1 : me.size)
        for (std::size_t i = first; i != last; ++i) {
            float* const q = &qkv_[i * width + head * group * dim];
            float* const k = &qkv_[i * width + shape.q_width() + head * dim];
            for (std::size_t each = 0; each != group; ++each)
                prepare(i, q + each * dim, norm_place::of_queries, head * group + each);
            if (const float factor = shape.query_scale_at(rows_[i].position); factor != 1)
                scale(q, factor, group * dim);
            prepare(i, k, norm_place::of_keys, head);
            const std::size_t block = rows_[i].position / attention_block,
                              slot = rows_[i].position % attention_block;
            attention_->put(k, k + shape.kv_width(), slot,
                            segments[rows_[i].segment].cache->at(block, layer, head));
        }
}

/// The tiles that are this thread's. Afterwards its own rows of mixed_ are complete.
void transformer::attend_all(const team_member& me, std::size_t layer,
                             std::span<const segment> segments)
{
    if (rows_.is_straddled())
        me.wait_for_all();
    for (const query_tile& each : rows_.tiles())
        if (each.thread == me.index)
            attend_tile(each, layer, *segments[each.segment].cache);
    if (rows_.is_straddled())
        me.wait_for_all();
}

void transformer::attend_tile(const query_tile& mine, std::size_t layer, kv_cache& cache)
{
    const model_config& shape = config();
    const std::size_t dim = shape.head_dim, width = shape.qkv_width(),
                      group = shape.heads / shape.kv_heads, window = shape.plan[layer].window;
    const auto first_seen = [&](std::size_t position) {
        return window != 0 && position + 1 > window ? position + 1 - window : 0;
    };
    thread_local std::vector<attention_query> queries;
    thread_local std::vector<const std::byte*> blocks;
    queries.resize(mine.last - mine.first);
    float* const outputs = own_row(queries.size() * dim);
    // Blocks that no query sees are not looked at: the first row's window begins first.
    const std::size_t skipped =
        first_seen(rows_[mine.first_row + mine.first / group].position) / attention_block;
    for (std::size_t q = mine.first; q != mine.last; ++q) {
        const std::size_t r = mine.first_row + q / group, head = mine.kv_head * group + q % group,
                          at = q - mine.first, begin = skipped * attention_block,
                          position = rows_[r].position;
        queries[at] = {&qkv_[r * width + head * dim], outputs + at * dim, position + 1 - begin,
                       first_seen(position) - begin};
    }
    blocks.resize((queries.back().visible + attention_block - 1) / attention_block);
    for (std::size_t block = 0; block != blocks.size(); ++block)
        blocks[block] = cache.at(skipped + block, layer, mine.kv_head);
    attention_->attend(queries, blocks);
    for (std::size_t q = mine.first; q != mine.last; ++q)
        mixed_.put(mine.first_row + q / group, (mine.kv_head * group + q % group) * dim,
                   queries[q - mine.first].out, dim);
}

} // namespace warmd::hf

#include "hf/model/transformer.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/lora_amx.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <cmath>

namespace warmd::hf {

namespace {

constexpr std::size_t most_logits_bytes = 32 << 20;
/// Of what goes into products, which may read rows beyond theirs.
constexpr std::size_t input_rows = transformer::most_tokens + matmul_engine::most_padding;

std::size_t logits_rows_for(const model_config& config)
{
    const std::size_t fitting = most_logits_bytes / (config.vocab_size * sizeof(float));
    std::size_t rows = transformer::most_tokens;
    while (rows > std::max<std::size_t>(fitting, 1))
        rows /= 2;
    return rows;
}

/// Queries, keys and values of one token.
std::size_t qkv_width(const model_config& config)
{
    return config.q_width() + 2 * config.kv_width();
}

/// Small models' steps run on the calling thread alone: waking the others takes longer, and on a
/// busy machine much longer.
std::size_t threads_for(std::size_t rows, const base_weights& base, std::size_t all)
{
    constexpr std::size_t few_products = 1 << 22, few_weights = 1 << 20;
    std::size_t weights = 0;
    for (const linear& each : base.layers.front().linears)
        weights += each.matrix.shape().in * each.matrix.shape().out;
    return weights < few_weights && rows * weights < few_products ? 1 : all;
}

/// Most floats' room that a row of one of the adapter's products x A^T takes.
std::size_t most_ranks(const lora_weights& adapter)
{
    std::size_t most = 0;
    for (const auto& layer : adapter.layers)
        for (const lora_linear& each : layer)
            most = std::max(most, each.a_tiles ? reduced_bytes(each) / sizeof(float) : each.ranks);
    return most;
}

/// Room for one row of a thread's own, at least `width` wide.
float* own_row(std::size_t width)
{
    thread_local std::vector<float> row;
    row.resize(std::max(row.size(), width));
    return row.data();
}

} // namespace

transformer::transformer(const base_weights& base)
    : base_(base), attention_(make_attention(base.config.head_dim, base.computes)),
      frequencies_(rope_frequencies(base.config.rope, base.config.head_dim)),
      logits_rows_(logits_rows_for(base.config)), memory_(buffer_bytes(base.config, base.computes))
{
    block_cutter cut(memory_);
    stream_ = cut.take<float>(most_tokens * config().hidden_size);
    normed_ = activations(cut, input_rows, config().hidden_size, base.computes);
    qkv_ = cut.take<float>(most_tokens * qkv_width(config()));
    mixed_ = activations(cut, input_rows, config().q_width(), base.computes);
    gated_ = activations(cut, input_rows, config().intermediate_size, base.computes);
    cosines_ = cut.take<float>(most_tokens * config().head_dim / 2);
    sines_ = cut.take<float>(cosines_.size());
    logits_ = cut.take<float>(logits_rows_ * config().vocab_size);
}

/// In the constructor's order.
std::uint64_t transformer::buffer_bytes(const model_config& config, precision computes)
{
    std::size_t bytes = 0;
    for (const std::size_t width :
         {config.hidden_size, qkv_width(config), config.head_dim / 2, config.head_dim / 2})
        bytes += block_cutter::taken<float>(most_tokens * width);
    for (const std::size_t width : {config.hidden_size, config.q_width(), config.intermediate_size})
        bytes += activations::bytes(input_rows, width, computes);
    return memory_block::rounded(
        bytes + block_cutter::taken<float>(logits_rows_for(config) * config.vocab_size));
}

std::uint64_t transformer::bytes() const { return memory_.bytes() + reduced_bytes_; }

void transformer::step(matmul_engine& engine, std::span<const segment> segments,
                       const receiver& receive)
{
    engine_ = &engine;
    place(segments);
    const matmul_engine::computing alone;
    const std::size_t threads = threads_for(rows_.size(), base_, engine.threads());
    divide(threads);
    prepare_products();
    run_team(threads, [&](const team_member& me) {
        look_up(me, segments);
        for (std::size_t layer = 0; layer != config().layers; ++layer) {
            begin_layer(me, layer, segments);
            if (layer + 1 == config().layers)
                drop_unwanted(me);
            end_layer(me, layer, segments);
        }
        me.wait_for_all();
        project(me, receive);
    });
}

void transformer::make_room(const lora_weights& adapter) { make_room(most_ranks(adapter)); }

void transformer::make_room(std::size_t ranks)
{
    reduced_.resize(std::max(reduced_.size(), ranks * most_tokens));
    reduced_bytes_ = reduced_.capacity() * sizeof(float);
}

void transformer::place(std::span<const segment> segments)
{
    rows_.clear();
    wanted_.clear();
    ranks_ = 0;
    for (std::size_t s = 0; s != segments.size(); ++s) {
        // scale 0 is exactly the base, whatever is in the adapter
        const lens through = segments[s].through.scale != 0 ? segments[s].through : lens{};
        const std::size_t before = segments[s].cache->length();
        segments[s].cache->extend(segments[s].tokens.size());
        for (std::size_t t = 0; t != segments[s].tokens.size(); ++t) {
            if (t >= segments[s].first_logits)
                wanted_.push_back(rows_.size());
            rows_.push_back({s, t, before + t, through});
        }
        if (through.adapter)
            ranks_ = std::max(ranks_, most_ranks(*through.adapter));
    }
    make_room(ranks_);
    BOOST_ASSERT(!rows_.empty() && rows_.size() <= most_tokens);
}

/// Threads either have bands of rows of their own, which they take through a layer without waiting
/// for one another, or, where rows are few, panels of the weights, each of which is then read by
/// one core only.
void transformer::divide(std::size_t threads)
{
    constexpr std::size_t bands_each =
        4; // fewer do not pay for reading all weights on each core (warmbench score)
    by_rows_ = threads > 1 && rows_.size() >= threads * bands_each * matmul_engine::band_rows;
    straddled_ = false;
    tiles_.clear();
    const auto thread_of = [&](std::size_t r) {
        std::size_t thread = 0;
        while (r >= shared_rows({thread, threads, nullptr}, rows_.size()).last)
            ++thread;
        return thread;
    };
    const std::size_t group = config().heads / config().kv_heads, most = attention_->most_queries();
    for (std::size_t first_row = 0, end = 0; first_row != rows_.size(); first_row = end) {
        while (end != rows_.size() && rows_[end].segment == rows_[first_row].segment)
            ++end;
        const std::size_t owner = thread_of(first_row), queries = (end - first_row) * group;
        const bool is_whole = by_rows_ && thread_of(end - 1) == owner;
        straddled_ = straddled_ || !is_whole;
        for (std::size_t head = 0; head != config().kv_heads; ++head)
            for (std::size_t q = 0; q < queries; q += most)
                tiles_.push_back({rows_[first_row].segment, first_row, head, q,
                                  std::min(q + most, queries),
                                  is_whole ? owner : tiles_.size() % threads});
    }
}

void transformer::prepare_products()
{
    for (const std::size_t rows : {rows_.size(), wanted_.size()})
        for (const linear& each : base_.layers.front().linears)
            if (rows != 0)
                engine_->prepare(each.matrix, rows);
    for (const std::size_t rows :
         {std::min(wanted_.size(), logits_rows_), wanted_.size() % logits_rows_})
        if (rows != 0)
            engine_->prepare(base_.output, rows);
}

/// After the last keys and values only those rows matter whose logits are wanted: they become all
/// rows.
void transformer::drop_unwanted(const team_member& me)
{
    if (wanted_.size() == rows_.size())
        return;
    me.wait_for_all();
    if (me.index == 0) {
        const std::size_t hidden = config().hidden_size, width = qkv_width(config());
        for (std::size_t i = 0; i != wanted_.size(); ++i) {
            const std::size_t from = wanted_[i]; // never before i
            rows_[i] = rows_[from];
            std::copy_n(&stream_[from * hidden], hidden, &stream_[i * hidden]);
            std::copy_n(&qkv_[from * width], width, &qkv_[i * width]);
        }
        rows_.resize(wanted_.size());
        divide(me.size);
    }
    me.wait_for_all();
}

/// An equal share of all rows, in whole bands where the thread multiplies them itself.
transformer::row_range transformer::shared_rows(const team_member& me, std::size_t all) const
{
    const std::size_t unit = by_rows_ ? matmul_engine::band_rows : 1,
                      units = (all + unit - 1) / unit;
    return {std::min(units * me.index / me.size * unit, all),
            std::min(units * (me.index + 1) / me.size * unit, all)};
}

void transformer::look_up(const team_member& me, std::span<const segment> segments)
{
    const std::size_t hidden = config().hidden_size;
    const std::size_t pairs = frequencies_.size();
    const auto [first, last] = shared_rows(me, rows_.size());
    for (std::size_t i = first; i != last; ++i) {
        const row& at = rows_[i];
        const auto id = static_cast<std::size_t>(segments[at.segment].tokens[at.token]);
        base_.embedding.look_up(id, stream_.subspan(i * hidden, hidden));
        for (std::size_t p = 0; p != pairs; ++p) {
            const float angle = static_cast<float>(at.position) * frequencies_[p];
            cosines_[i * pairs + p] = std::cos(angle);
            sines_[i * pairs + p] = std::sin(angle);
        }
    }
}

/// Up to the layer's keys and values.
void transformer::begin_layer(const team_member& me, std::size_t layer,
                              std::span<const segment> segments)
{
    const std::size_t width = qkv_width(config());
    normalise(me, base_.layers[layer].input_norm);
    multiply(me, layer, linear_kind::qkv, normed_,
             [&](std::size_t r, std::size_t first, std::size_t outs, const float* y, const float*) {
                 std::copy_n(y, outs, &qkv_[r * width + first]);
             });
    prepare_heads(me, layer, segments);
}

void transformer::end_layer(const team_member& me, std::size_t layer,
                            std::span<const segment> segments)
{
    const std::size_t hidden = config().hidden_size;
    const row_receiver add_to_stream = [&](std::size_t r, std::size_t first, std::size_t outs,
                                           const float* y, const float*) {
        add(y, &stream_[r * hidden + first], outs);
    };
    attend_all(me, layer, segments);
    multiply(me, layer, linear_kind::output, mixed_, add_to_stream);
    normalise(me, base_.layers[layer].post_attention_norm);
    multiply(me, layer, linear_kind::gate_up, normed_,
             [&](std::size_t r, std::size_t first, std::size_t outs, const float* gate,
                 const float* up) { gated_.put_gated(r, first, gate, up, outs); });
    multiply(me, layer, linear_kind::down, gated_, add_to_stream);
}

/// Of its own rows, which nobody else has written since all met.
void transformer::normalise(const team_member& me, const std::vector<float>& weight)
{
    const auto [first, last] = shared_rows(me, rows_.size());
    for (std::size_t i = first; i != last; ++i)
        normed_.put_normalised(i, &stream_[i * config().hidden_size], weight.data(),
                               config().rms_norm_eps);
}

/// REQUIRES: this thread's own rows of x are complete. Afterwards the product's are.
void transformer::multiply(const team_member& me, std::size_t layer, linear_kind kind,
                           const activations& x, const row_receiver& receive)
{
    const auto which = static_cast<std::size_t>(kind);
    const linear& by = base_.layers[layer].linears[which];
    const matrix_shape& shape = by.matrix.shape();
    reduce_rows(me, layer, which, x);
    const auto [first_row, last_row] = shared_rows(me, rows_.size());
    const product_share share = by_rows_
                                    ? product_share{me.index, first_row, last_row}
                                    : product_share{me.index, 0, rows_.size(), me.index, me.size};
    if (!by_rows_)
        me.wait_for_all();
    engine_->multiply(by.matrix, x.from(0), share, [&](const product_tile& tile) {
        const auto first_of = [&](std::size_t strand) {
            return strand * (shape.out / shape.strands) + tile.first_out;
        };
        for (std::size_t strand = 0; strand != shape.strands; ++strand)
            adapt(layer, which, {tile.first_row, tile.first_row + tile.rows}, first_of(strand),
                  tile.outs, tile.strands[strand], tile.stride);
        for (std::size_t i = 0; i != tile.rows; ++i) {
            std::array<float*, 2> y{};
            for (std::size_t strand = 0; strand != shape.strands; ++strand) {
                y[strand] = tile.strands[strand] + i * tile.stride;
                if (!by.bias.empty())
                    add(&by.bias[first_of(strand)], y[strand], tile.outs);
            }
            receive(tile.first_row + i, tile.first_out, tile.outs, y[0], y[1]);
        }
    });
    if (!by_rows_)
        me.wait_for_all();
}

/// Where the rows end that are seen through the same lens as row `from`.
std::size_t transformer::end_of_lens(std::size_t from, std::size_t last) const
{
    std::size_t to = from + 1;
    while (to != last && rows_[to].through.adapter == rows_[from].through.adapter &&
           rows_[to].through.scale == rows_[from].through.scale)
        ++to;
    return to;
}

/// x A^T of the rows that have an adapter.
void transformer::reduce_rows(const team_member& me, std::size_t layer, std::size_t which,
                              const activations& x)
{
    if (ranks_ == 0)
        return;
    const auto [first, last] = shared_rows(me, rows_.size());
    for (std::size_t from = first, to = first; from != last; from = to) {
        to = end_of_lens(from, last);
        const lens& through = rows_[from].through;
        if (!through.adapter)
            continue;
        const lora_linear& by = through.adapter->layers[layer][which];
        if (by.parts.empty())
            continue;
        if (by.a_tiles)
            reduce_by_amx(by, static_cast<const std::uint16_t*>(x.from(from)), x.width(), to - from,
                          through.scale, reinterpret_cast<std::byte*>(&reduced_[from * ranks_]),
                          ranks_ * sizeof(float));
        else
            reduce_in_fp32(by, x, {from, to});
    }
}

void transformer::reduce_in_fp32(const lora_linear& by, const activations& x, row_range rows)
{
    const std::size_t in = x.width();
    float* const room = own_row(reduced_rows * in);
    for (std::size_t from = rows.first; from < rows.last; from += reduced_rows) {
        std::array<const float*, reduced_rows> inputs{};
        std::array<float*, reduced_rows> outputs{};
        for (std::size_t t = 0; t != reduced_rows; ++t) { // the last one is repeated
            const std::size_t i = std::min(from + t, rows.last - 1);
            inputs[t] = x.row(i, room + t * in);
            outputs[t] = &reduced_[i * ranks_];
        }
        reduce(inputs, by.a, in, by.ranks, outputs);
    }
}

/// Adds the rows' adapters to columns [first_out, first_out + outs) of a product; y [rows, outs],
/// rows y_stride apart.
void transformer::adapt(std::size_t layer, std::size_t which, row_range rows, std::size_t first_out,
                        std::size_t outs, float* y, std::size_t y_stride) const
{
    for (std::size_t r = rows.first, to = r; r != rows.last; r = to) {
        to = end_of_lens(r, rows.last);
        const lens& through = rows_[r].through;
        if (!through.adapter)
            continue;
        for (const lora_linear::part& part : through.adapter->layers[layer][which].parts) {
            const std::size_t from = std::max(first_out, part.first_out);
            const std::size_t end = std::min(first_out + outs, part.first_out + part.out);
            if (from < end)
                add_part(part, through.scale, {r, to}, from - part.first_out, end - from,
                         y + (r - rows.first) * y_stride + (from - first_out), y_stride);
        }
    }
}

/// Adds columns [first, first + count) of a part to rows of y, y_stride apart.
void transformer::add_part(const lora_linear::part& part, double scale, row_range rows,
                           std::size_t first, std::size_t count, float* y,
                           std::size_t y_stride) const
{
    if (part.b_tiles) {
        add_by_amx(part, reinterpret_cast<const std::byte*>(&reduced_[rows.first * ranks_]),
                   ranks_ * sizeof(float), rows.last - rows.first, first, count, y, y_stride);
        return;
    }
    const auto factor = static_cast<float>(static_cast<double>(part.scaling) * scale);
    for (std::size_t r = rows.first; r != rows.last; ++r, y += y_stride)
        add_product(&reduced_[r * ranks_ + part.first_rank], part.b + first, part.rank, part.out,
                    factor, y, count);
}

/// Norms and rotates queries and keys; puts keys and values into the caches. Of its own rows; where
/// rows are shared, of all rows some heads, since neighbouring positions lie in one cache line.
void transformer::prepare_heads(const team_member& me, std::size_t layer,
                                std::span<const segment> segments)
{
    const model_config& shape = config();
    const layer_weights& weights = base_.layers[layer];
    const std::size_t dim = shape.head_dim, width = shape.q_width() + 2 * shape.kv_width(),
                      group = shape.heads / shape.kv_heads;
    const auto [first, last] =
        by_rows_ ? shared_rows(me, rows_.size()) : row_range{0, rows_.size()};
    const auto prepare = [&](std::size_t i, float* x, const std::vector<float>& norm) {
        if (!norm.empty())
            rms_norm(x, norm.data(), shape.rms_norm_eps, x, dim);
        rotate(x, &cosines_[i * dim / 2], &sines_[i * dim / 2], dim / 2);
    };
    for (std::size_t head = by_rows_ ? 0 : me.index; head < shape.kv_heads;
         head += by_rows_ ? 1 : me.size)
        for (std::size_t i = first; i != last; ++i) {
            float* const q = &qkv_[i * width + head * group * dim];
            float* const k = &qkv_[i * width + shape.q_width() + head * dim];
            for (std::size_t each = 0; each != group; ++each)
                prepare(i, q + each * dim, weights.q_norm);
            prepare(i, k, weights.k_norm);
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
    if (straddled_)
        me.wait_for_all();
    for (const query_tile& each : tiles_)
        if (each.thread == me.index)
            attend_tile(each, layer, *segments[each.segment].cache);
    if (straddled_)
        me.wait_for_all();
}

void transformer::attend_tile(const query_tile& mine, std::size_t layer, kv_cache& cache)
{
    const model_config& shape = config();
    const std::size_t dim = shape.head_dim, width = shape.q_width() + 2 * shape.kv_width(),
                      group = shape.heads / shape.kv_heads;
    thread_local std::vector<attention_query> queries;
    thread_local std::vector<const std::byte*> blocks;
    queries.resize(mine.last - mine.first);
    float* const outputs = own_row(queries.size() * dim);
    for (std::size_t q = mine.first; q != mine.last; ++q) {
        const std::size_t r = mine.first_row + q / group, head = mine.kv_head * group + q % group,
                          at = q - mine.first;
        queries[at] = {&qkv_[r * width + head * dim], outputs + at * dim, rows_[r].position + 1};
    }
    blocks.resize((queries.back().visible + attention_block - 1) / attention_block);
    for (std::size_t block = 0; block != blocks.size(); ++block)
        blocks[block] = cache.at(block, layer, mine.kv_head);
    attention_->attend(queries, blocks);
    for (std::size_t q = mine.first; q != mine.last; ++q)
        mixed_.put(mine.first_row + q / group, (mine.kv_head * group + q % group) * dim,
                   queries[q - mine.first].out, dim);
}

/// The vocabulary projection, in pieces that bound the memory. REQUIRES: stream_ is complete, and
/// of wanted rows only.
void transformer::project(const team_member& me, const receiver& receive)
{
    const std::size_t hidden = config().hidden_size, vocab = config().vocab_size;
    for (std::size_t piece = 0; piece < rows_.size(); piece += logits_rows_) {
        const std::size_t count = std::min(logits_rows_, rows_.size() - piece);
        for (std::size_t i = me.index; i < count; i += me.size)
            normed_.put_normalised(i, &stream_[(piece + i) * hidden], base_.final_norm.data(),
                                   config().rms_norm_eps);
        me.wait_for_all();
        engine_->multiply(base_.output, normed_.from(0), {me.index, 0, count, me.index, me.size},
                          [&](const product_tile& tile) {
                              for (std::size_t i = 0; i != tile.rows; ++i)
                                  std::copy_n(
                                      tile.strands[0] + i * tile.stride, tile.outs,
                                      &logits_[(tile.first_row + i) * vocab + tile.first_out]);
                          });
        me.wait_for_all();
        for (std::size_t i = me.index; i < count; i += me.size) {
            const row& at = rows_[piece + i];
            receive(at.segment, at.token, logits_.subspan(i * vocab, vocab));
        }
        me.wait_for_all(); // before the next piece's logits are written
    }
}

} // namespace warmd::hf

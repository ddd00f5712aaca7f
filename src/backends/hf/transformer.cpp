#include "transformer.hpp"

#include "kernels.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>

namespace warmd::hf {

namespace {

constexpr std::size_t most_logits_bytes = 32 << 20;
/// Of each buffer: a product of rows that do not begin at 0 may read and write rows beyond them (matmul_engine::padded).
constexpr std::size_t buffer_rows = transformer::most_tokens + matmul_engine::most_padding;
constexpr std::size_t worth_threads = 1 << 16; // elements: below, waking the other threads takes longer than the work

/// Calls each(i) for i < count, on all cores if the work of all (in elements) is worth it; rethrows the last exception.
template <class Each>
void for_each(std::size_t count, std::size_t work, const Each& each)
{
    std::exception_ptr thrown;
    std::mutex mutex;
#pragma omp parallel for schedule(dynamic) if (work >= worth_threads)
    for (std::size_t i = 0; i < count; ++i) {
        try {
            each(i);
        } catch (...) {
            const std::lock_guard lock(mutex);
            thrown = std::current_exception();
        }
    }
    if (thrown)
        std::rethrow_exception(thrown);
}

/// The same in equal shares, for rows of `width` elements that all take the same time and cannot throw.
template <class Each>
void for_each_row(std::size_t count, std::size_t width, const Each& each)
{
#pragma omp parallel for schedule(static) if (count * width >= worth_threads)
    for (std::size_t i = 0; i < count; ++i)
        each(i);
}

std::size_t logits_rows_for(const model_config& config)
{
    const std::size_t fitting = most_logits_bytes / (config.vocab_size * sizeof(float));
    std::size_t rows = transformer::most_tokens;
    while (rows > std::max<std::size_t>(fitting, 1))
        rows /= 2;
    return rows;
}

/// The fp32 vectors that one token has in the buffers, in floats; and those that go into products, in elements.
std::size_t floats_per_token(const model_config& config)
{
    return 2 * config.hidden_size + config.q_width() + 2 * config.kv_width() + 2 * config.intermediate_size + config.head_dim;
}
std::size_t inputs_per_token(const model_config& config)
{
    return config.hidden_size + config.q_width() + config.intermediate_size;
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
    : base_(base), frequencies_(rope_frequencies(base.config.rope, base.config.head_dim)),
      logits_rows_(logits_rows_for(base.config)), stream_(buffer_rows * config().hidden_size),
      normed_(buffer_rows, config().hidden_size, base.computes),
      qkv_(buffer_rows * (config().q_width() + 2 * config().kv_width())),
      mixed_(buffer_rows, config().q_width(), base.computes), gate_up_(buffer_rows * 2 * config().intermediate_size),
      gated_(buffer_rows, config().intermediate_size, base.computes), added_(stream_.size()),
      cosines_(buffer_rows * config().head_dim / 2), sines_(cosines_.size()), logits_(logits_rows_ * config().vocab_size)
{
}

std::uint64_t transformer::buffer_bytes(const model_config& config, precision computes)
{
    const std::size_t logits = logits_rows_for(config) * config.vocab_size;
    return (buffer_rows * floats_per_token(config) + logits) * sizeof(float) +
           buffer_rows * inputs_per_token(config) * (computes == precision::bf16 ? 2 : 4);
}

std::uint64_t transformer::bytes() const
{
    std::size_t floats = 0;
    for (const auto* buffer : {&stream_, &qkv_, &gate_up_, &added_, &cosines_, &sines_, &logits_, &reduced_})
        floats += buffer->capacity();
    return floats * sizeof(float) + normed_.bytes() + mixed_.bytes() + gated_.bytes();
}

void transformer::step(matmul_engine& engine, std::span<const segment> segments, const receiver& receive)
{
    engine_ = &engine;
    place(segments);
    look_up(segments);
    for (std::size_t layer = 0; layer != config().layers; ++layer)
        run_layer(layer, segments);
    project(segments, receive);
}

void transformer::place(std::span<const segment> segments)
{
    rows_.clear();
    stretches_.clear();
    for (std::size_t s = 0; s != segments.size(); ++s) {
        const lens& through = segments[s].through;
        if (through.adapter && through.scale != 0) { // scale 0 is exactly the base, whatever is in the adapter
            if (stretches_.empty() || stretches_.back().adapter != through.adapter || stretches_.back().scale != through.scale ||
                stretches_.back().first_row + stretches_.back().rows != rows_.size())
                stretches_.push_back({through.adapter, through.scale, rows_.size(), 0});
            stretches_.back().rows += segments[s].tokens.size();
        }
        const std::size_t before = segments[s].cache->length();
        segments[s].cache->extend(segments[s].tokens.size());
        for (std::size_t t = 0; t != segments[s].tokens.size(); ++t)
            rows_.push_back({s, t, before + t});
    }
    BOOST_ASSERT(!rows_.empty() && rows_.size() <= most_tokens);
}

void transformer::look_up(std::span<const segment> segments)
{
    const std::size_t hidden = config().hidden_size;
    const std::size_t pairs = frequencies_.size();
    for_each_row(rows_.size(), hidden, [&](std::size_t i) {
        const row& at = rows_[i];
        const auto id = static_cast<std::size_t>(segments[at.segment].tokens[at.token]);
        base_.embedding.look_up(id, std::span(stream_).subspan(i * hidden, hidden));
        for (std::size_t p = 0; p != pairs; ++p) {
            const float angle = static_cast<float>(at.position) * frequencies_[p];
            cosines_[i * pairs + p] = std::cos(angle);
            sines_[i * pairs + p] = std::sin(angle);
        }
    });
}

void transformer::run_layer(std::size_t layer, std::span<const segment> segments)
{
    const layer_weights& weights = base_.layers[layer];
    normalise(weights.input_norm);
    multiply(layer, linear_kind::qkv, normed_, qkv_);
    prepare_heads(layer, segments);
    attend_all(layer, segments);
    multiply(layer, linear_kind::output, mixed_, added_);
    add_to_stream(added_);

    normalise(weights.post_attention_norm);
    multiply(layer, linear_kind::gate_up, normed_, gate_up_);
    const std::size_t width = config().intermediate_size;
    for_each_row(rows_.size(), width, [&](std::size_t i) {
        const float* const gate = &gate_up_[i * 2 * width];
        float* const out = own_row(width);
        silu_times(gate, gate + width, out, width);
        gated_.put(i, 0, out, width);
    });
    multiply(layer, linear_kind::down, gated_, added_);
    add_to_stream(added_);
}

void transformer::normalise(const std::vector<float>& weight)
{
    const std::size_t hidden = config().hidden_size;
    for_each_row(rows_.size(), hidden, [&](std::size_t i) {
        float* const out = own_row(hidden);
        rms_norm(&stream_[i * hidden], weight.data(), config().rms_norm_eps, out, hidden);
        normed_.put(i, 0, out, hidden);
    });
}

void transformer::add_to_stream(const std::vector<float>& y)
{
    add(y.data(), stream_.data(), rows_.size() * config().hidden_size);
}

void transformer::multiply(std::size_t layer, linear_kind kind, const activations& x, std::vector<float>& y)
{
    const auto which = static_cast<std::size_t>(kind);
    const linear& by = base_.layers[layer].linears[which];
    engine_->multiply(by.matrix, x.from(0), y.data(), rows_.size());
    for (const stretch& each : stretches_)
        add_adapter(each.adapter->layers[layer][which], each, x, y, by.matrix.out());
    if (!by.bias.empty())
        for_each_row(rows_.size(), by.bias.size(),
                     [&](std::size_t i) { add(by.bias.data(), &y[i * by.bias.size()], by.bias.size()); });
}

void transformer::add_adapter(const lora_linear& adapter, const stretch& where, const activations& x, std::vector<float>& y,
                              std::size_t width)
{
    if (adapter.parts.empty())
        return;
    const std::size_t ranks = adapter.a.out();
    reduced_.resize(std::max(reduced_.size(), buffer_rows * ranks));
    engine_->multiply(adapter.a, x.from(where.first_row), reduced_.data(), where.rows);
    for_each_row(where.rows, width, [&](std::size_t i) {
        for (const lora_linear::part& part : adapter.parts) {
            const float factor = static_cast<float>(static_cast<double>(part.scaling) * where.scale);
            add_product(&reduced_[i * ranks + part.first_rank], part.b.data(), part.rank, factor,
                        &y[(where.first_row + i) * width + part.first_out], part.out);
        }
    });
}

/// Norms and rotates queries and keys; puts keys and values into the caches.
void transformer::prepare_heads(std::size_t layer, std::span<const segment> segments)
{
    const model_config& shape = config();
    const layer_weights& weights = base_.layers[layer];
    const std::size_t dim = shape.head_dim, width = shape.q_width() + 2 * shape.kv_width();
    for_each_row(rows_.size(), width, [&](std::size_t i) {
        const row& at = rows_[i];
        float* const q = &qkv_[i * width];
        const float* const v = q + shape.q_width() + shape.kv_width();
        for (std::size_t head = 0; head != shape.heads + shape.kv_heads; ++head) { // keys follow the queries
            float* const x = q + head * dim;
            const std::vector<float>& norm = head < shape.heads ? weights.q_norm : weights.k_norm;
            if (!norm.empty())
                rms_norm(x, norm.data(), shape.rms_norm_eps, x, dim);
            rotate(x, &cosines_[i * dim / 2], &sines_[i * dim / 2], dim / 2);
        }
        const std::size_t block = at.position / attention_block, slot = at.position % attention_block;
        for (std::size_t head = 0; head != shape.kv_heads; ++head) {
            const float* const k = q + shape.q_width() + head * dim;
            float* const keys = segments[at.segment].cache->keys(block, layer, head);
            for (std::size_t d = 0; d != dim; ++d)
                keys[d * attention_block + slot] = k[d];
            std::copy_n(v + head * dim, dim, segments[at.segment].cache->values(block, layer, head) + slot * value_stride(dim));
        }
    });
}

/// Queries that share keys and values, that is rows of one segment and heads of one group, attend in tiles.
void transformer::attend_all(std::size_t layer, std::span<const segment> segments)
{
    const model_config& shape = config();
    const std::size_t dim = shape.head_dim, width = shape.q_width() + 2 * shape.kv_width(), group = shape.heads / shape.kv_heads;
    struct tile {
        std::size_t first_row, segment, kv_head, first, last; // queries [first, last) of the segment and kv_head
    };
    std::vector<tile> tiles;
    for (std::size_t s = 0, first_row = 0; s != segments.size(); first_row += segments[s++].tokens.size())
        for (std::size_t head = 0; head != shape.kv_heads; ++head)
            for (std::size_t q = 0, all = segments[s].tokens.size() * group; q < all; q += attention_tile)
                tiles.push_back({first_row, s, head, q, std::min(q + attention_tile, all)});

    std::size_t work = 0;
    for (const row& each : rows_)
        work += each.position * shape.q_width() / 8; // a multiplication is a small part of what an element takes elsewhere
    for_each(tiles.size(), work, [&](std::size_t i) {
        const tile& mine = tiles[i];
        kv_cache& cache = *segments[mine.segment].cache;
        std::array<attention_query, attention_tile> queries{};
        float* const outputs = own_row(attention_tile * dim);
        for (std::size_t q = mine.first; q != mine.last; ++q) {
            const std::size_t r = mine.first_row + q / group, head = mine.kv_head * group + q % group, at = q - mine.first;
            queries[at] = {&qkv_[r * width + head * dim], outputs + at * dim, rows_[r].position + 1};
        }
        const std::size_t blocks = (queries[mine.last - 1 - mine.first].visible + attention_block - 1) / attention_block;
        thread_local std::vector<const float*> keys, values;
        thread_local std::vector<float> scratch;
        keys.clear();
        values.clear();
        for (std::size_t block = 0; block != blocks; ++block) {
            keys.push_back(cache.keys(block, layer, mine.kv_head));
            values.push_back(cache.values(block, layer, mine.kv_head));
        }
        scratch.resize(attention_tile * blocks * attention_block);
        attend(std::span(queries).first(mine.last - mine.first), keys, values, dim, scratch.data());
        for (std::size_t q = mine.first; q != mine.last; ++q)
            mixed_.put(mine.first_row + q / group, (mine.kv_head * group + q % group) * dim, queries[q - mine.first].out, dim);
    });
}

/// The vocabulary projection of the rows whose logits are wanted, in pieces that bound the memory.
void transformer::project(std::span<const segment> segments, const receiver& receive)
{
    const std::size_t hidden = config().hidden_size, vocab = config().vocab_size;
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i != rows_.size(); ++i)
        if (rows_[i].token >= segments[rows_[i].segment].first_logits)
            wanted.push_back(i);
    for (std::size_t first = 0; first < wanted.size(); first += logits_rows_) {
        const std::size_t count = std::min(logits_rows_, wanted.size() - first);
        for_each_row(count, hidden, [&](std::size_t i) {
            float* const out = own_row(hidden);
            rms_norm(&stream_[wanted[first + i] * hidden], base_.final_norm.data(), config().rms_norm_eps, out, hidden);
            normed_.put(i, 0, out, hidden);
        });
        engine_->multiply(base_.output, normed_.from(0), logits_.data(), count);
        for_each(count, count * vocab, [&](std::size_t i) {
            const row& at = rows_[wanted[first + i]];
            receive(at.segment, at.token, std::span(logits_).subspan(i * vocab, vocab));
        });
    }
}

} // namespace warmd::hf

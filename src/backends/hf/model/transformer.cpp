#include "hf/model/transformer.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

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

/// Whether any branch's output has a norm of its own.
bool norms_outputs(const model_config& config)
{
    return std::ranges::any_of(config.plan, [](const layer_plan& layer) {
        return std::ranges::any_of(layer.branches, [&](const branch_plan& branch) {
            return layer[branch.after].width != 0;
        });
    });
}

/// Whether a branch beside another reads the stream through a norm of its own.
bool reads_twice(const model_config& config)
{
    return std::ranges::any_of(config.plan, [](const layer_plan& layer) {
        return std::ranges::any_of(layer.branches, [&](const branch_plan& branch) {
            return branch.beside && layer[branch.before].width != 0;
        });
    });
}

/// What layers with experts need room for: the model's largest.
struct expert_sizes {
    routing_plan routing;
    std::size_t places = 0, width = 0; ///< rows of all experts in a step; of what they multiply

    explicit expert_sizes(const model_config& config)
    {
        for (const layer_plan& layer : config.plan)
            if (layer.routing.experts != 0) {
                routing = layer.routing;
                places = transformer::most_tokens * routing.chosen;
                width = layer[linear_kind::mlp_out].in;
            }
    }
    /// Products may read rows beyond theirs.
    std::size_t input_rows() const
    {
        return places == 0 ? 0 : places + matmul_engine::most_padding;
    }
};

/// Small models' steps run on the calling thread alone: waking the others takes longer, and on a
/// busy machine much longer.
std::size_t threads_for(std::size_t rows, const model_config& config, std::size_t all)
{
    constexpr std::size_t few_products = 1 << 22, few_weights = 1 << 20;
    const std::size_t weights = config.plan.front().weights_of_token();
    return weights < few_weights && rows * weights < few_products ? 1 : all;
}

/// A matrix for each shape is kept.
void keep_shape(const packed_matrix& of, std::vector<packed_matrix>& known)
{
    if (std::ranges::find(known, of.shape(), &packed_matrix::shape) == known.end())
        known.push_back(of);
}

} // namespace

transformer::transformer(const base_weights& base)
    : base_(base),
      attention_(make_attention(base.config.head_dim, base.computes, base.config.score_cap)),
      logits_rows_(logits_rows_for(base.config)), memory_(buffer_bytes(base.config, base.computes))
{
    prepare_turns({});
    for (std::size_t layer = 0; layer != base.layers.size(); ++layer)
        for (std::size_t which = 0; which != base.layers[layer].linears.size(); ++which)
            keep_shape(base.layers[layer].linears[which].matrix,
                       config().plan[layer].is_of_expert(which) ? expert_shapes_ : shapes_);
    const expert_sizes experts(config());
    most_reduced_ = std::max(most_tokens, experts.places);
    routed_ = routed_rows(experts.routing, most_tokens);
    routed_from_.reserve(experts.places);
    block_cutter cut(memory_);
    stream_ = cut.take<float>(most_tokens * config().hidden_size);
    normed_ = activations(cut, input_rows, config().hidden_size, base.computes);
    if (reads_twice(config()))
        beside_ = activations(cut, input_rows, config().hidden_size, base.computes);
    qkv_ = cut.take<float>(most_tokens * config().qkv_width());
    mixed_ = activations(cut, input_rows, config().q_width(), base.computes);
    gated_ = activations(cut, input_rows, config().intermediate_size, base.computes);
    scores_ = cut.take<float>(most_tokens * experts.routing.experts);
    gathered_ = activations(cut, experts.input_rows(), config().hidden_size, base.computes);
    made_by_ = activations(cut, experts.input_rows(), experts.width, base.computes);
    outputs_ = cut.take<float>(experts.places * config().hidden_size);
    made_ = cut.take<float>(norms_outputs(config()) ? most_tokens * config().hidden_size : 0);
    cosines_ = cut.take<float>(config().rotations.size() * most_tokens * config().head_dim / 2);
    sines_ = cut.take<float>(cosines_.size());
    logits_ = cut.take<float>(logits_rows_ * config().vocab_size);
}

/// In the constructor's order.
std::uint64_t transformer::buffer_bytes(const model_config& config, const weight_format& format)
{
    std::size_t bytes = 0;
    const std::size_t angles = config.rotations.size() * config.head_dim / 2;
    for (const std::size_t width : {config.hidden_size, config.qkv_width(),
                                    norms_outputs(config) ? config.hidden_size : 0, angles, angles})
        bytes += block_cutter::taken<float>(most_tokens * width);
    for (const std::size_t width :
         {config.hidden_size, reads_twice(config) ? config.hidden_size : 0, config.q_width(),
          config.intermediate_size})
        bytes += activations::bytes(input_rows, width, format);
    const expert_sizes experts(config);
    bytes += block_cutter::taken<float>(most_tokens * experts.routing.experts) +
             activations::bytes(experts.input_rows(), config.hidden_size, format) +
             activations::bytes(experts.input_rows(), experts.width, format) +
             block_cutter::taken<float>(experts.places * config.hidden_size);
    return memory_block::rounded(
        bytes + block_cutter::taken<float>(logits_rows_for(config) * config.vocab_size));
}

std::uint64_t transformer::bytes() const { return memory_.bytes() + terms_.bytes() + wide_bytes_; }

void transformer::step(matmul_engine& engine, std::span<const segment> segments,
                       const receiver& receive)
{
    engine_ = &engine;
    rows_.begin(segments);
    BOOST_ASSERT(rows_.size() != 0 && rows_.size() <= most_tokens);
    terms_.begin(rows_, most_reduced_);
    const std::size_t threads = threads_for(rows_.size(), config(), engine.team().size());
    divide(threads);
    prepare_products();
    prepare_turns(segments);
    engine.team().run(threads, [&](const team_member& me) {
        look_up(me, segments);
        for (std::size_t layer = 0; layer != config().layers; ++layer)
            for (const branch_plan& branch : config().plan[layer].branches) {
                if (!branch.beside)
                    read_stream(me, layer, branch);
                run(me, layer, branch, segments);
            }
        me.wait_for_all();
        project(me, receive);
    });
}

void transformer::run(const team_member& me, std::size_t layer, const branch_plan& branch,
                      std::span<const segment> segments)
{
    switch (branch.what) {
    case branch_plan::part::attention: return run_attention(me, layer, branch, segments);
    case branch_plan::part::experts: return run_experts(me, layer, branch);
    default: return run_mlp(me, layer, branch);
    }
}

void transformer::make_room(const lora_weights& adapter)
{
    terms_.make_room(adapter, most_reduced_);
    const std::size_t tokens =
        adapter.replaced && adapter.replaced->output ? adapter.replaced->output.shape().out : 0;
    if (tokens > config().vocab_size)
        wide_logits_.resize(std::max(wide_logits_.size(), logits_rows_ * tokens));
    wide_bytes_ = wide_logits_.size() * sizeof(float);
}

void transformer::divide(std::size_t threads)
{
    rows_.divide(threads, base_.computes.least_bands(), config(), attention_->most_queries());
}

/// How fast positions of these segments turn.
void transformer::prepare_turns(std::span<const segment> segments)
{
    std::erase_if(frequencies_, [&](const auto& known) {
        return known.first != 0 &&
               std::ranges::find(segments, known.first, &segment::length_class) == segments.end();
    });
    const auto add = [&](std::size_t length_class) {
        const auto [at, is_new] = frequencies_.try_emplace(length_class);
        if (is_new)
            for (const rope_config& each : config().rotations)
                at->second.push_back(rope_frequencies(each, each.rotated(config().head_dim),
                                                      each.length_class(length_class)));
    };
    add(0);
    for (const segment& each : segments)
        add(each.length_class);
}

/// After the last keys and values only those rows matter whose logits are wanted: they become all
/// rows.
void transformer::drop_unwanted(const team_member& me)
{
    if (rows_.wanted() == rows_.size())
        return;
    me.wait_for_all();
    if (me.index == 0) {
        const std::size_t hidden = config().hidden_size, width = config().qkv_width();
        rows_.keep_wanted([&](std::size_t from, std::size_t to) {
            std::copy_n(&stream_[from * hidden], hidden, &stream_[to * hidden]);
            std::copy_n(&qkv_[from * width], width, &qkv_[to * width]);
            for (activations* const read : {&normed_, &beside_}) // by a branch beside attention
                if (!read->empty())
                    read->copy_row(*read, from, to);
        });
        divide(me.size);
    }
    me.wait_for_all();
}

/// Of a row, where in cosines_ and sines_.
std::size_t transformer::angles_at(std::size_t rotation, std::size_t row) const
{
    return (rotation * most_tokens + row) * config().head_dim / 2;
}

void transformer::look_up(const team_member& me, std::span<const segment> segments)
{
    const std::size_t hidden = config().hidden_size;
    const auto [first, last] = rows_.shared(me);
    for (std::size_t i = first; i != last; ++i) {
        const step_row& at = rows_[i];
        embed(at, segments[at.segment].tokens[at.token], stream_.subspan(i * hidden, hidden));
        if (config().embedding_scale != 1)
            scale(&stream_[i * hidden], config().embedding_scale, hidden);
        if (base_.positions.bytes() != 0) {
            float* const learned = own_row(hidden);
            base_.positions.look_up(at.position, {learned, hidden});
            add(learned, &stream_[i * hidden], hidden);
        }
        const auto& turns = frequencies_.at(segments[at.segment].length_class);
        for (std::size_t by = 0; by != turns.size(); ++by) {
            const auto magnitude = static_cast<float>(config().rotations[by].magnitude);
            const std::size_t to = angles_at(by, i);
            for (std::size_t p = 0; p != turns[by].size(); ++p) {
                const float angle = static_cast<float>(at.position) * turns[by][p];
                cosines_[to + p] = magnitude * std::cos(angle);
                sines_[to + p] = magnitude * std::sin(angle);
            }
        }
    }
}

/// Adds what comes out of a branch to the stream, through its norm if it has one.
void transformer::add_to_stream(const team_member& me, std::size_t layer, const branch_plan& branch,
                                const activations& x)
{
    const std::size_t hidden = config().hidden_size;
    const bool normed = !base_.layers[layer][branch.after].weight.empty();
    multiply(me, layer, branch.out, x,
             [&](std::size_t r, std::size_t first, std::size_t outs, const float* y, const float*) {
                 if (normed)
                     std::copy_n(y, outs, &made_[r * hidden + first]);
                 else
                     add_up(y, &stream_[r * hidden + first], outs);
             });
    if (!normed)
        return;
    const auto [first, last] = rows_.shared(me);
    for (std::size_t i = first; i != last; ++i)
        add_row(layer, branch, &made_[i * hidden], i);
}

void transformer::add_up(const float* made, float* to, std::size_t count) const
{
    if (config().branch_scale == 1)
        add(made, to, count);
    else
        add_scaled(made, config().branch_scale, to, count);
}

/// A whole row of what a branch made, which is changed.
void transformer::add_row(std::size_t layer, const branch_plan& branch, float* made,
                          std::size_t row)
{
    const std::size_t hidden = config().hidden_size;
    if (const norm_weights& norm = norm_at(rows_[row], layer, branch.after); !norm.weight.empty())
        normalise(norm, made, made);
    add_up(made, &stream_[row * hidden], hidden);
}

void transformer::run_attention(const team_member& me, std::size_t layer, const branch_plan& branch,
                                std::span<const segment> segments)
{
    const std::size_t width = config().qkv_width();
    multiply(me, layer, branch.in, normed_,
             [&](std::size_t r, std::size_t first, std::size_t outs, const float* y, const float*) {
                 if (config().plan[layer].by_head)
                     put_by_head(y, first, outs, &qkv_[r * width]);
                 else
                     std::copy_n(y, outs, &qkv_[r * width + first]);
             });
    normalise_whole(me, layer);
    prepare_heads(me, layer, segments);
    if (layer + 1 == config().layers)
        drop_unwanted(me);
    attend_all(me, layer, segments);
    add_to_stream(me, layer, branch, mixed_);
}

/// What a branch reads.
const activations& transformer::read_by(std::size_t layer, const branch_plan& branch) const
{
    return branch.beside && config().plan[layer][branch.before].width != 0 ? beside_ : normed_;
}

void transformer::run_mlp(const team_member& me, std::size_t layer, const branch_plan& branch)
{
    const activation_kind by = config().plan[layer].activation;
    multiply(
        me, layer, branch.in, read_by(layer, branch),
        [&](std::size_t r, std::size_t first, std::size_t outs, const float* x, const float* up) {
            if (branch.what == branch_plan::part::gated_mlp)
                gated_.put_gated(by, r, first, x, up, outs);
            else
                gated_.put_activated(by, r, first, x, outs);
        });
    add_to_stream(me, layer, branch, gated_);
}

/// Of [width] numbers, by the weights from `first` on; x and y may be the same.
void transformer::normalise(const norm_weights& by, std::size_t first, std::size_t width,
                            const float* x, float* y) const
{
    if (config().norm == norm_kind::root_mean_square)
        rms_norm(x, &by.weight[first], config().norm_eps, y, width);
    else
        layer_norm(x, &by.weight[first], by.bias.empty() ? nullptr : &by.bias[first],
                   config().norm_eps, y, width);
}

/// A row of the stream. Without a norm, as it is.
void transformer::put_normalised(const norm_weights& by, const float* x, activations& to,
                                 std::size_t row)
{
    if (!by.weight.empty() && config().norm == norm_kind::root_mean_square)
        return to.put_normalised(row, x, by.weight.data(), config().norm_eps);
    float* const room = own_row(config().hidden_size);
    if (!by.weight.empty())
        normalise(by, x, room);
    to.put(row, 0, by.weight.empty() ? x : room, config().hidden_size);
}

/// For a branch and those beside it. Of its own rows, which nobody else has written since all met.
void transformer::read_stream(const team_member& me, std::size_t layer, const branch_plan& branch)
{
    const layer_weights& weights = base_.layers[layer];
    const row_range mine = rows_.shared(me);
    const auto read = [&](norm_place place, activations& to) {
        for (std::size_t i = mine.first; i != mine.last; ++i)
            put_normalised(norm_at(rows_[i], layer, place), &stream_[i * config().hidden_size], to,
                           i);
    };
    read(branch.before, normed_);
    for (const branch_plan& other : config().plan[layer].branches)
        if (other.beside && !weights[other.before].weight.empty())
            read(other.before, beside_);
}

} // namespace warmd::hf

// What a forward pass does at its two ends, where adapters may have parameters of their own: the
// embedding and the projection to the vocabulary.

#include "hf/model/transformer.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

#include <algorithm>
#include <array>

namespace warmd::hf {

const norm_weights& transformer::norm_at(const step_row& row, std::size_t layer,
                                         norm_place place) const
{
    const replaced_parameters* const own = row.through.replaced();
    if (own)
        if (const norm_weights& norm = own->layers[layer].norms[static_cast<std::size_t>(place)];
            !norm.weight.empty())
            return norm;
    return base_.layers[layer][place];
}

const norm_weights& transformer::final_norm_at(const step_row& row) const
{
    const replaced_parameters* const own = row.through.replaced();
    return own && !own->final_norm.weight.empty() ? own->final_norm : base_.final_norm;
}

const std::vector<float>& transformer::bias_at(const step_row& row, std::size_t layer,
                                               std::size_t which) const
{
    const replaced_parameters* const own = row.through.replaced();
    return own && !own->layers[layer].biases[which].empty() ? own->layers[layer].biases[which]
                                                            : base_.at(layer, which).bias;
}

const packed_matrix& transformer::matrix_at(const step_row& row, std::size_t layer,
                                            std::size_t which) const
{
    const replaced_parameters* const own = row.through.replaced();
    return layer == config().layers && own && own->output ? own->output
                                                          : base_.at(layer, which).matrix;
}

std::size_t transformer::vocabulary_of(const step_row& row) const
{
    return matrix_at(row, config().layers, 0).shape().out;
}

/// Of the row at that place of a piece.
std::span<float> transformer::logits_at(std::size_t i, const step_row& row)
{
    const std::size_t tokens = vocabulary_of(row), most = wide_logits_.size() / logits_rows_;
    return most == 0 ? logits_.subspan(i * config().vocab_size, tokens)
                     : std::span(wide_logits_).subspan(i * most, tokens);
}

/// A token's row.
void transformer::embed(const step_row& row, token_id token, std::span<float> to) const
{
    const replaced_parameters* const own = row.through.replaced();
    if (const float* const trained = own ? own->of_input.find(token) : nullptr)
        std::copy_n(trained, to.size(), to.begin());
    else
        (own && own->embedding ? *own->embedding : base_.embedding)
            .look_up(static_cast<std::size_t>(token), to);
    add_embedded(row.through, token, to);
}

/// The vocabulary projection, in pieces that bound the memory. REQUIRES: stream_ is complete, and
/// of wanted rows only.
void transformer::project(const team_member& me, const receiver& receive)
{
    const std::size_t hidden = config().hidden_size;
    for (std::size_t piece = 0; piece < rows_.size(); piece += logits_rows_) {
        const std::size_t count = std::min(logits_rows_, rows_.size() - piece),
                          first = count * me.index / me.size,
                          last = count * (me.index + 1) / me.size;
        const auto rows = std::span(rows_.all()).subspan(piece, count);
        for (std::size_t i = first; i != last; ++i)
            put_normalised(final_norm_at(rows[i]), &stream_[(piece + i) * hidden], normed_, i);
        terms_.reduce(rows, config().layers, 0, normed_, {first, last});
        me.wait_for_all();
        project_piece(me, rows);
        me.wait_for_all();
        for (std::size_t i = first; i != last; ++i) {
            const std::span<float> logits = logits_at(i, rows[i]);
            put_own_logits(rows[i], i, logits);
            if (config().logit_scale != 1)
                scale(logits.data(), config().logit_scale, logits.size());
            if (config().logit_cap != 0)
                cap_softly(logits.data(), config().logit_cap, logits.size());
            receive(rows[i].segment, rows[i].token, logits);
        }
        me.wait_for_all(); // before the next piece's logits are written
    }
}

/// Neighbours that share a matrix are multiplied together.
void transformer::project_piece(const team_member& me, std::span<const step_row> rows)
{
    const auto matrix_of = [&](std::size_t i) { return &matrix_at(rows[i], config().layers, 0); };
    for (std::size_t from = 0, to = 0; from != rows.size(); from = to) {
        while (to != rows.size() && matrix_of(to) == matrix_of(from))
            ++to;
        multiply_share(config().layers, 0, normed_, from, rows,
                       {me.index, 0, to - from, me.index, me.size},
                       [&](std::size_t r, std::size_t first, std::size_t outs, const float* y,
                           const float*) { std::copy_n(y, outs, &logits_at(r, rows[r])[first]); });
    }
}

/// Of tokens whose rows were trained. `i` is the row's place in normed_.
void transformer::put_own_logits(const step_row& row, std::size_t i, std::span<float> logits) const
{
    const replaced_parameters* const own = row.through.replaced();
    if (!own || own->of_output.tokens.empty())
        return;
    const token_rows& trained = own->of_output;
    const float* const x = normed_.row(i, own_row(config().hidden_size));
    std::vector<float> products(trained.tokens.size());
    std::array<const float*, reduced_rows> inputs{};
    std::array<float*, reduced_rows> outputs{};
    inputs.fill(x);
    outputs.fill(products.data());
    reduce(inputs, trained.values.data(), config().hidden_size, products.size(), outputs);
    const std::vector<float>& bias = bias_at(row, config().layers, 0);
    for (std::size_t t = 0; t != products.size(); ++t) {
        const auto token = static_cast<std::size_t>(trained.tokens[t]);
        logits[token] = products[t] + (bias.empty() ? 0 : bias[token]);
    }
}

} // namespace warmd::hf

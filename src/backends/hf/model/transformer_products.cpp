// What a forward pass multiplies: all rows of a step, or those that have chosen an expert.

#include "hf/model/transformer.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/threads.hpp"

#include <algorithm>
#include <array>

namespace warmd::hf {

void transformer::prepare_products()
{
    for (const std::size_t rows : {rows_.size(), rows_.wanted()})
        for (const packed_matrix& each : shapes_)
            if (rows != 0)
                engine_->prepare(each, rows);
    // How many rows an expert gets is known too late: any number that a tile may have.
    for (const packed_matrix& each : expert_shapes_)
        for (std::size_t rows = 1; rows <= std::min(rows_.size(), matmul_engine::band_rows); ++rows)
            engine_->prepare(each, rows);
    const std::size_t most_wanted = std::min(rows_.wanted(), logits_rows_);
    for (const std::size_t rows : {most_wanted, rows_.wanted() % logits_rows_})
        if (rows != 0)
            engine_->prepare(base_.output.matrix, rows);
    // Rows with a projection of their own are multiplied apart, and so are those beside them.
    const auto prepare_any = [&](const packed_matrix& each) {
        for (std::size_t rows = 1; rows <= std::min(most_wanted, matmul_engine::band_rows); ++rows)
            engine_->prepare(each, rows);
    };
    const replaced_parameters* last = nullptr;
    for (const step_row& row : rows_.all())
        if (const replaced_parameters* const own = row.through.replaced();
            own && own != last && own->output) {
            last = own;
            prepare_any(own->output);
            prepare_any(base_.output.matrix);
        }
}

/// REQUIRES: this thread's own rows of x are complete. Afterwards the product's are.
void transformer::multiply(const team_member& me, std::size_t layer, std::size_t which,
                           const activations& x, const row_receiver& receive)
{
    const row_range mine = rows_.shared(me);
    terms_.reduce(rows_.all(), layer, which, x, mine);
    if (rows_.by_rows())
        return multiply_share(layer, which, x, 0, rows_.all(), {me.index, mine.first, mine.last},
                              receive);
    me.wait_for_all();
    multiply_share(layer, which, x, 0, rows_.all(), {me.index, 0, rows_.size(), me.index, me.size},
                   receive);
    me.wait_for_all();
}

/// The share's tiles for rows of x from `first` on, which is what the share counts from, but not
/// what is received. `rows` are all rows of x. REQUIRES: they are complete and reduced.
void transformer::multiply_share(std::size_t layer, std::size_t which, const activations& x,
                                 std::size_t first, std::span<const step_row> rows,
                                 const product_share& share, const row_receiver& receive)
{
    const packed_matrix& by = matrix_at(rows[first], layer, which);
    const matrix_shape& shape = by.shape();
    engine_->multiply(by, x.from(first), share, [&](const product_tile& tile) {
        const std::size_t first_row = first + tile.first_row;
        const auto first_of = [&](std::size_t strand) {
            return strand * (shape.out / shape.strands) + tile.first_out;
        };
        for (std::size_t strand = 0; strand != shape.strands; ++strand)
            terms_.add_to(rows, layer, which, {first_row, first_row + tile.rows}, first_of(strand),
                          tile.outs, tile.strands[strand], tile.stride);
        for (std::size_t i = 0; i != tile.rows; ++i) {
            std::array<float*, 2> y{};
            const std::vector<float>& bias = bias_at(rows[first_row + i], layer, which);
            for (std::size_t strand = 0; strand != shape.strands; ++strand) {
                y[strand] = tile.strands[strand] + i * tile.stride;
                if (!bias.empty())
                    add(&bias[first_of(strand)], y[strand], tile.outs);
            }
            receive(first_row + i, tile.first_out, tile.outs, y[0], y[1]);
        }
    });
}

/// Experts read what any branch reads. Their rows have nothing to do with a thread's own, so all
/// threads wait for one another between what is done row by row and the products.
void transformer::run_experts(const team_member& me, std::size_t layer, const branch_plan& branch)
{
    const activation_kind by = config().plan[layer].activation;
    const activations& x = read_by(layer, branch);
    choose_experts(me, layer, x);
    gather_rows(me, x);
    multiply_by_experts(
        me, layer, branch.in, gathered_,
        [&](std::size_t place, std::size_t first, std::size_t outs, const float* gate,
            const float* up) { made_by_.put_gated(by, place, first, gate, up, outs); });
    multiply_by_experts(
        me, layer, branch.out, made_by_,
        [&](std::size_t place, std::size_t first, std::size_t outs, const float* y, const float*) {
            std::copy_n(y, outs, &outputs_[place * config().hidden_size + first]);
        });
    add_experts(me, layer, branch);
}

/// REQUIRES: this thread's own rows of x are complete. Afterwards all rows of it are, and where
/// they go is known.
void transformer::choose_experts(const team_member& me, std::size_t layer, const activations& x)
{
    const layer_plan& plan = config().plan[layer];
    const std::size_t experts = plan.routing.experts;
    multiply(me, layer, plan.router(), x,
             [&](std::size_t r, std::size_t first, std::size_t outs, const float* y, const float*) {
                 std::copy_n(y, outs, &scores_[r * experts + first]);
             });
    const auto [first, last] = rows_.shared(me);
    for (std::size_t i = first; i != last; ++i)
        routed_.choose(i, scores_.subspan(i * experts, experts));
    me.wait_for_all();
    if (me.index == 0) {
        routed_.gather(rows_.size());
        routed_from_.clear();
        for (const std::size_t row : routed_.places())
            routed_from_.push_back(rows_[row]);
    }
    me.wait_for_all();
}

/// An equal share of the places that rows have with their experts.
row_range transformer::shared_places(const team_member& me) const
{
    const std::size_t all = routed_from_.size();
    return {all * me.index / me.size, all * (me.index + 1) / me.size};
}

/// Of this thread's places.
void transformer::gather_rows(const team_member& me, const activations& x)
{
    const auto [first, last] = shared_places(me);
    for (std::size_t place = first; place != last; ++place)
        gathered_.copy_row(x, routed_.places()[place], place);
}

/// REQUIRES: this thread's places of x are complete. Afterwards all of the product's are.
void transformer::multiply_by_experts(const team_member& me, std::size_t layer, linear_kind kind,
                                      const activations& x, const row_receiver& receive)
{
    const row_range mine = shared_places(me);
    for (const routed_rows::group& each : routed_.groups()) {
        const row_range some{std::max(mine.first, each.first), std::min(mine.last, each.last)};
        if (some.first < some.last)
            terms_.reduce(routed_from_, layer, linear_of(each.expert, kind), x, some);
    }
    me.wait_for_all();
    for (const routed_rows::group& each : routed_.groups())
        // A narrow product has no tiles for some threads: not always for the same.
        multiply_share(
            layer, linear_of(each.expert, kind), x, each.first, routed_from_,
            {me.index, 0, each.last - each.first, (me.index + each.expert) % me.size, me.size},
            receive);
    me.wait_for_all();
}

/// Adds up what the experts of this thread's rows made, in one order.
void transformer::add_experts(const team_member& me, std::size_t layer, const branch_plan& branch)
{
    const std::size_t hidden = config().hidden_size;
    const auto [first, last] = rows_.shared(me);
    for (std::size_t i = first; i != last; ++i) {
        float* const sum = own_row(hidden);
        std::fill_n(sum, hidden, 0.0F);
        for (const routed_rows::share& each : routed_.shares(i))
            add_scaled(&outputs_[each.place * hidden], each.weight, sum, hidden);
        add_row(layer, branch, sum, i);
    }
}

} // namespace warmd::hf

#pragma once
// The forward pass of a decoder-only transformer (Touvron et al. 2023), branch by branch as
// layer_plan.hpp has it: RMSNorm, rotary positions, grouped-query attention, gated MLPs or experts;
// an adapter's additive term beside each product.

#include "hf/compute/activations.hpp"
#include "hf/compute/attention.hpp"
#include "hf/compute/compute.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/base_weights.hpp"
#include "hf/model/kv_cache.hpp"
#include "hf/model/lora.hpp"
#include "hf/model/lora_terms.hpp"
#include "hf/model/routed_rows.hpp"
#include "hf/model/step_rows.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace warmd::hf {

/// Computes, in buffers of its own. Not thread-safe, but for bytes(). A token's logits are the same
/// to the bit however the segments of a step were put together and however a sequence was cut into
/// steps.
class transformer {
public:
    /// Most tokens of one step, over all its segments.
    static constexpr std::size_t most_tokens = matmul_engine::most_rows;

    /// `base` must outlive it.
    explicit transformer(const base_weights& base);

    /// Receives logits [tokens of the lens's vocabulary] after one token of a segment. Called from
    /// several threads at once, for different tokens; the first exception of any is rethrown by
    /// step().
    using receiver =
        std::function<void(std::size_t segment, std::size_t token, std::span<const float> logits)>;
    /// Runs 1 to most_tokens tokens. Segments with one lens should stand together: they share its
    /// products.
    void step(matmul_engine& engine, std::span<const segment> segments, const receiver& receive);

    /// Makes the room that rows through this adapter need: bytes() is then the same before its
    /// first row and after.
    void make_room(const lora_weights& adapter);

    const model_config& config() const { return base_.config; }
    const attention& attends() const { return *attention_; } ///< what the caches' blocks are for
    std::uint64_t bytes() const;                             ///< buffers, without the weights
    /// What bytes() is for a model, as long as no adapter is used.
    static std::uint64_t buffer_bytes(const model_config& config, const weight_format& format);

private:
    // The order of a step, on one thread
    void divide(std::size_t threads);
    void prepare_products();
    void prepare_turns(std::span<const segment> segments);

    // What each thread of a team does. Its own rows are rows_.shared(me).
    std::size_t angles_at(std::size_t rotation, std::size_t row) const;
    void look_up(const team_member& me, std::span<const segment> segments);
    void run(const team_member& me, std::size_t layer, const branch_plan& branch,
             std::span<const segment> segments);
    void run_attention(const team_member& me, std::size_t layer, const branch_plan& branch,
                       std::span<const segment> segments);
    const activations& read_by(std::size_t layer, const branch_plan& branch) const;
    void run_mlp(const team_member& me, std::size_t layer, const branch_plan& branch);
    void add_to_stream(const team_member& me, std::size_t layer, const branch_plan& branch,
                       const activations& x);
    void add_up(const float* made, float* to, std::size_t count) const;
    void add_row(std::size_t layer, const branch_plan& branch, float* made, std::size_t row);
    void drop_unwanted(const team_member& me);
    /// One row of a tile: its strands' columns from first_out on, biased and adapted.
    using row_receiver = std::function<void(std::size_t r, std::size_t first_out, std::size_t outs,
                                            const float* first, const float* second)>;
    void multiply(const team_member& me, std::size_t layer, std::size_t which, const activations& x,
                  const row_receiver& receive);
    void multiply(const team_member& me, std::size_t layer, linear_kind kind, const activations& x,
                  const row_receiver& receive)
    {
        multiply(me, layer, static_cast<std::size_t>(kind), x, receive);
    }
    void multiply_share(std::size_t layer, std::size_t which, const activations& x,
                        std::size_t first, std::span<const step_row> rows,
                        const product_share& share, const row_receiver& receive);
    // What a row is seen through decides which parameters it meets.
    const norm_weights& norm_at(const step_row& row, std::size_t layer, norm_place place) const;
    const norm_weights& final_norm_at(const step_row& row) const;
    const packed_matrix& matrix_at(const step_row& row, std::size_t layer, std::size_t which) const;
    const std::vector<float>& bias_at(const step_row& row, std::size_t layer,
                                      std::size_t which) const;
    void embed(const step_row& row, token_id token, std::span<float> to) const;

    void normalise(const norm_weights& by, const float* x, float* y) const
    {
        normalise(by, 0, by.weight.size(), x, y);
    }
    void normalise(const norm_weights& by, std::size_t first, std::size_t width, const float* x,
                   float* y) const;
    void put_normalised(const norm_weights& by, const float* x, activations& to, std::size_t row);
    void read_stream(const team_member& me, std::size_t layer, const branch_plan& branch);
    void put_by_head(const float* y, std::size_t first, std::size_t outs, float* qkv) const;
    void normalise_whole(const team_member& me, std::size_t layer);
    void run_experts(const team_member& me, std::size_t layer, const branch_plan& branch);
    void choose_experts(const team_member& me, std::size_t layer, const activations& x);
    row_range shared_places(const team_member& me) const;
    void gather_rows(const team_member& me, const activations& x);
    void multiply_by_experts(const team_member& me, std::size_t layer, linear_kind kind,
                             const activations& x, const row_receiver& receive);
    void add_experts(const team_member& me, std::size_t layer, const branch_plan& branch);
    void prepare_heads(const team_member& me, std::size_t layer, std::span<const segment> segments);
    void attend_all(const team_member& me, std::size_t layer, std::span<const segment> segments);
    void attend_tile(const query_tile& mine, std::size_t layer, kv_cache& cache);
    void project(const team_member& me, const receiver& receive);
    void project_piece(const team_member& me, std::span<const step_row> rows);
    std::size_t vocabulary_of(const step_row& row) const;
    std::span<float> logits_at(std::size_t i, const step_row& row);
    void put_own_logits(const step_row& row, std::size_t i, std::span<float> logits) const;

    const base_weights& base_;
    std::unique_ptr<const attention> attention_;
    /// By length class, those of the step under way and 0; by rotation.
    std::map<std::size_t, std::vector<std::vector<float>>> frequencies_;
    std::size_t logits_rows_;                           // of one piece of the vocabulary projection
    std::size_t most_reduced_;                          // rows of a product of any layer
    std::vector<packed_matrix> shapes_, expert_shapes_; // a matrix of each shape that there is

    // of the step under way
    matmul_engine* engine_ = nullptr;
    step_rows rows_;
    lora_terms terms_;
    routed_rows routed_;                // of a layer with experts
    std::vector<step_row> routed_from_; // by place

    memory_block memory_; // of the buffers: huge pages, where those of 4 KB would fall into a cache
                          // as chance has it
    std::span<float> stream_;          // [tokens, hidden], the residual stream
    activations normed_, beside_;      // [tokens, hidden], what branches read
    std::span<float> qkv_;             // [tokens, q + k + v]
    activations mixed_;                // [tokens, q], attention's output
    activations gated_;                // [tokens, intermediate]
    std::span<float> scores_;          // [tokens, experts]
    activations gathered_, made_by_;   // [places, hidden], [places, an expert's width]
    std::span<float> outputs_;         // [places, hidden], of experts
    std::span<float> made_;            // [tokens, hidden], what is normed after a branch; or none
    std::span<float> cosines_, sines_; // [rotations, tokens, head_dim / 2]
    std::span<float> logits_;          // [logits_rows_, vocab]
    std::vector<float> wide_logits_;   // the same of adapters with more tokens
    std::atomic<std::uint64_t> wide_bytes_ = 0; // of that: may be asked while room is made
};

} // namespace warmd::hf

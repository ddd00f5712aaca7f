#pragma once
// The forward pass of a decoder-only transformer of the Llama family (Touvron et al. 2023):
// RMSNorm, rotary positions, grouped-query attention, SwiGLU; an adapter's additive term beside
// each product.

#include "hf/compute/activations.hpp"
#include "hf/compute/attention.hpp"
#include "hf/compute/compute.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/base_weights.hpp"
#include "hf/model/kv_cache.hpp"
#include "hf/model/lora.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace warmd::hf {

/// What a forward pass looks through: the base alone, or with an adapter's term times `scale`.
struct lens {
    const lora_weights* adapter = nullptr;
    double scale = 1;
};

/// The next positions of one sequence.
struct segment {
    lens through;
    kv_cache* cache;                  ///< what came before; extended by the step
    std::span<const token_id> tokens; ///< each within the vocabulary, at least one
    std::size_t first_logits = 0;     ///< logits are wanted from this token on; tokens.size(): none
};

/// Computes, in buffers of its own. Not thread-safe, but for bytes(). A token's logits are the same
/// to the bit however the segments of a step were put together and however a sequence was cut into
/// steps.
class transformer {
public:
    /// Most tokens of one step, over all its segments.
    static constexpr std::size_t most_tokens = matmul_engine::most_rows;

    /// `base` must outlive it.
    explicit transformer(const base_weights& base);

    /// Receives logits [vocab_size] after one token of a segment. Called from several threads at
    /// once, for different tokens; the first exception of any is rethrown by step().
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
    static std::uint64_t buffer_bytes(const model_config& config, precision computes);

private:
    struct row { // one token of the step
        std::size_t segment;
        std::size_t token;    // within the segment
        std::size_t position; // within the sequence
        lens through;         // no adapter if it adds nothing
    };
    struct query_tile { // queries [first, last) of a segment and the heads that share kv_head,
                        // those of one row together
        std::size_t segment, first_row, kv_head, first, last;
        std::size_t thread; // that computes it
    };

    // The order of a step, on one thread
    void make_room(std::size_t ranks);
    void place(std::span<const segment> segments);
    void divide(std::size_t threads);
    void prepare_products();

    // What each thread of a team does. Its own rows are shared_rows(me).
    struct row_range {
        std::size_t first, last;
    };
    row_range shared_rows(const team_member& me, std::size_t all) const;
    void look_up(const team_member& me, std::span<const segment> segments);
    void begin_layer(const team_member& me, std::size_t layer, std::span<const segment> segments);
    void drop_unwanted(const team_member& me);
    void end_layer(const team_member& me, std::size_t layer, std::span<const segment> segments);
    /// One row of a tile: its strands' columns from first_out on, biased and adapted.
    using row_receiver = std::function<void(std::size_t r, std::size_t first_out, std::size_t outs,
                                            const float* first, const float* second)>;
    void multiply(const team_member& me, std::size_t layer, linear_kind kind, const activations& x,
                  const row_receiver& receive);
    void reduce_rows(const team_member& me, std::size_t layer, std::size_t which,
                     const activations& x);
    void reduce_in_fp32(const lora_linear& by, const activations& x, row_range rows);
    void adapt(std::size_t layer, std::size_t which, row_range rows, std::size_t first_out,
               std::size_t outs, float* y, std::size_t y_stride) const;
    void add_part(const lora_linear::part& part, double scale, row_range rows, std::size_t first,
                  std::size_t count, float* y, std::size_t y_stride) const;
    std::size_t end_of_lens(std::size_t from, std::size_t last) const;
    void normalise(const team_member& me, const std::vector<float>& weight);
    void prepare_heads(const team_member& me, std::size_t layer, std::span<const segment> segments);
    void attend_all(const team_member& me, std::size_t layer, std::span<const segment> segments);
    void attend_tile(const query_tile& mine, std::size_t layer, kv_cache& cache);
    void project(const team_member& me, const receiver& receive);

    const base_weights& base_;
    std::unique_ptr<const attention> attention_;
    std::vector<float> frequencies_;
    std::size_t logits_rows_; // of one piece of the vocabulary projection

    // of the step under way
    matmul_engine* engine_ = nullptr;
    std::vector<row> rows_;
    std::vector<std::size_t> wanted_; // rows whose logits are
    std::vector<query_tile> tiles_;
    bool by_rows_ = false;   // threads have bands of rows of their own, not panels of weights
    bool straddled_ = false; // and one segment has rows in two of them

    memory_block memory_; // of the buffers: huge pages, where those of 4 KB would fall into a cache
                          // as chance has it
    std::span<float> stream_;          // [tokens, hidden], the residual stream
    activations normed_;               // [tokens, hidden]
    std::span<float> qkv_;             // [tokens, q + k + v]
    activations mixed_;                // [tokens, q], attention's output
    activations gated_;                // [tokens, intermediate]
    std::span<float> cosines_, sines_; // [tokens, head_dim / 2]
    std::span<float> logits_;          // [logits_rows_, vocab]
    std::vector<float> reduced_; // [tokens, ranks_], x A^T; as large as the adapters so far needed
    std::atomic<std::uint64_t> reduced_bytes_ =
        0;                  // bytes() may be asked while another adapter makes room
    std::size_t ranks_ = 0; // of the step under way: most of any adapter and product, or in tiles
                            // as many floats' room
};

} // namespace warmd::hf

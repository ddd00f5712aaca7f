#pragma once
// Scaled dot-product attention (Vaswani et al. 2017, eq. 1) of a few queries over keys and values
// that are kept in blocks of positions. There are two kinds, each with its own layout of a block:
// in fp32, and in bf16 by AMX's tile registers.
//
// What comes out for a query is the same to the bit whatever attends beside it and however many
// blocks come before and after those that it sees: sums run over all positions in one order, and an
// unseen one adds exactly 0 (hf_attention_test).

#include "hf/compute/weight_format.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace warmd::hf {

/// Positions in a block.
inline constexpr std::size_t attention_block = 32;

/// `out` = softmax(q . keys / sqrt(head_dim)) . values over positions [first, visible), at least
/// one; fp32 [head_dim] both.
struct attention_query {
    const float* q;
    float* out;
    std::size_t visible;
    std::size_t first = 0; ///< of a sliding window
};

/// Immutable: any number of threads may use it, for different blocks, slots and queries.
class attention {
public:
    virtual ~attention() = default;

    /// Most queries of one attend().
    virtual std::size_t most_queries() const = 0;
    /// One head's keys and values in one block; a multiple of a cache line, where each begins.
    virtual std::size_t block_bytes() const = 0;
    /// Puts the key and the value [head_dim] of one position at `slot` of a block.
    virtual void put(const float* key, const float* value, std::size_t slot,
                     std::byte* block) const = 0;
    /// Attention of at most most_queries() queries, which share keys and values. There are as many
    /// blocks as the largest `visible` needs; slots that nothing was put into hold zeros or what
    /// was there before them, finite numbers.
    virtual void attend(std::span<const attention_query> queries,
                        std::span<const std::byte* const> blocks) const = 0;

protected:
    /// Memory of the calling thread, from the start of a cache line, until its next call.
    static std::byte* own_scratch(std::size_t bytes);
};

/// The fastest kind for a model in this format, on this machine. With a score_cap, which is only
/// had in fp32, each score x becomes cap tanh(x / cap).
std::unique_ptr<const attention> make_attention(std::size_t head_dim, const weight_format& format,
                                                float score_cap = 0);

std::unique_ptr<const attention> make_fp32_attention(std::size_t head_dim, float score_cap = 0);
/// Queries, keys, values and probabilities rounded to bf16, sums in fp32. Null if the processor has
/// no AMX or the system refuses it.
std::unique_ptr<const attention> make_amx_attention(std::size_t head_dim);

} // namespace warmd::hf

#pragma once
// Keys and values of the positions that a sequence has been through, so that later positions can attend to them.

#include "kernels.hpp"
#include "model_config.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace warmd::hf {

/// Memory for attention_block positions of one sequence, all layers and heads. Handed out and taken back; keeps a few.
class kv_pool {
public:
    explicit kv_pool(const model_config& config);

    std::unique_ptr<float[]> take();
    void give_back(std::unique_ptr<float[]> block);
    std::uint64_t bytes() const; ///< kept for later

    /// Where in a block the keys [head_dim, attention_block] of a head begin.
    std::size_t keys_at(std::size_t layer, std::size_t kv_head) const { return (layer * kv_heads_ + kv_head) * head_size_; }
    /// Where its values [attention_block, value_stride] begin.
    std::size_t values_at(std::size_t layer, std::size_t kv_head) const
    {
        return keys_at(layer, kv_head) + head_dim_ * attention_block;
    }

private:
    std::size_t head_dim_, kv_heads_;
    std::size_t head_size_;  // floats of one head in a block
    std::size_t block_size_; // floats
    std::size_t most_spare_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<float[]>> spare_; // guarded by mutex_
};

/// One sequence's cache. REQUIRES: the pool outlives it.
class kv_cache {
public:
    explicit kv_cache(kv_pool& pool) : pool_(&pool) {}
    std::size_t length() const { return length_; } ///< positions in it
    /// Makes room for `count` more positions, which count as in it from now on.
    void extend(std::size_t count);
    /// Begins with the first `blocks` whole blocks of another sequence's cache, which are never written again. REQUIRES: it is
    /// empty, both are of one pool, and `from` has as many positions.
    void share(const kv_cache& from, std::size_t blocks);

    float* keys(std::size_t block, std::size_t layer, std::size_t kv_head)
    {
        return blocks_[block]->memory.get() + pool_->keys_at(layer, kv_head);
    }
    float* values(std::size_t block, std::size_t layer, std::size_t kv_head)
    {
        return blocks_[block]->memory.get() + pool_->values_at(layer, kv_head);
    }

private:
    struct held_block {
        kv_pool* pool;
        std::unique_ptr<float[]> memory;

        explicit held_block(kv_pool& from) : pool(&from), memory(from.take()) {}
        ~held_block() { pool->give_back(std::move(memory)); }
        held_block(const held_block&) = delete;
        held_block& operator=(const held_block&) = delete;
    };

    kv_pool* pool_;
    std::size_t length_ = 0;
    std::vector<std::shared_ptr<held_block>> blocks_;
};

} // namespace warmd::hf

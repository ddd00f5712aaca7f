#pragma once
// Keys and values of the positions that a sequence has been through, so that later positions can
// attend to them.

#include "hf/compute/attention.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/model/model_config.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace warmd::hf {

/// Memory for attention_block positions of one sequence, all layers and heads. Handed out and taken
/// back; keeps a few.
class kv_pool {
public:
    /// `by` is what the blocks are for.
    kv_pool(const model_config& config, const attention& by);

    memory_block take(); ///< of zeros
    void give_back(memory_block block);
    std::uint64_t bytes() const; ///< kept for later

    /// Where in a block a head's begins.
    std::size_t place_of(std::size_t layer, std::size_t kv_head) const
    {
        return (layer * kv_heads_ + kv_head) * head_bytes_;
    }

private:
    std::size_t kv_heads_;
    std::size_t head_bytes_; // of one head in a block
    std::size_t block_bytes_;
    std::size_t most_spare_;
    mutable std::mutex mutex_;
    std::vector<memory_block> spare_; // guarded by mutex_
};

/// One sequence's cache. REQUIRES: the pool outlives it.
class kv_cache {
public:
    explicit kv_cache(kv_pool& pool) : pool_(&pool) {}
    std::size_t length() const { return length_; } ///< positions in it
    /// Makes room for `count` more positions, which count as in it from now on.
    void extend(std::size_t count);
    /// Begins with the first `blocks` whole blocks of another sequence's cache, which are never
    /// written again. REQUIRES: it is empty, both are of one pool, and `from` has as many
    /// positions.
    void share(const kv_cache& from, std::size_t blocks);

    /// The keys and values of one head in a block of positions.
    std::byte* at(std::size_t block, std::size_t layer, std::size_t kv_head)
    {
        return blocks_[block]->memory.data() + pool_->place_of(layer, kv_head);
    }

private:
    struct held_block {
        kv_pool* pool;
        memory_block memory;

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

#pragma once
// Keys and values of the positions that a sequence has been through, so that later positions can
// attend to them.

#include "hf/compute/attention.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/model/model_config.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace warmd::hf {

/// A bound on what the keys and values of all models together may take. Thread-safe.
class kv_budget {
public:
    static constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

    /// What is in use is told to `shown`, if there is one.
    explicit kv_budget(std::uint64_t capacity = unbounded,
                       std::shared_ptr<std::atomic<std::uint64_t>> shown = {})
        : capacity_(capacity), shown_(std::move(shown))
    {
    }
    std::uint64_t capacity() const { return capacity_; }
    /// What sequences have, and what is set aside for those that have yet to grow.
    std::uint64_t in_use() const;
    /// False, and nothing changes, if so many bytes more would exceed the capacity.
    [[nodiscard]] bool take(std::uint64_t bytes);
    void give_back(std::uint64_t bytes);

private:
    void set(std::uint64_t bytes);

    const std::uint64_t capacity_;
    const std::shared_ptr<std::atomic<std::uint64_t>> shown_;
    mutable std::mutex mutex_;
    std::uint64_t in_use_ = 0; // guarded by mutex_
};

/// Bytes of a budget, until it ends. REQUIRES: the budget outlives it.
class kv_charge {
public:
    explicit kv_charge(kv_budget& of) : of_(&of) {}
    kv_charge(kv_charge&& from) noexcept : of_(from.of_), bytes_(std::exchange(from.bytes_, 0)) {}
    kv_charge& operator=(kv_charge&&) = delete;
    ~kv_charge() { drop(bytes_); }

    std::uint64_t bytes() const { return bytes_; }
    /// False, and nothing changes, if there is no room for so many more.
    [[nodiscard]] bool grow(std::uint64_t bytes);
    /// Gives so many back. REQUIRES: it has them.
    void drop(std::uint64_t bytes);
    /// So many of its bytes, from now on another's. REQUIRES: it has them.
    kv_charge cut(std::uint64_t bytes);

private:
    kv_budget* of_;
    std::uint64_t bytes_ = 0;
};

/// There is no room for what was not reserved.
class kv_exhausted : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Memory for attention_block positions of one sequence, all layers and heads. Handed out and taken
/// back; keeps a few, which count as the model's and not in the budget.
class kv_pool {
public:
    /// `by` is what the blocks are for.
    kv_pool(const model_config& config, const attention& by, std::shared_ptr<kv_budget> budget);

    memory_block take(); ///< of zeros
    void give_back(memory_block block);
    std::uint64_t bytes() const; ///< kept for later

    kv_budget& budget() { return *budget_; }
    /// What a sequence of so many positions takes of the budget, if it shares none of them.
    std::uint64_t bytes_for(std::size_t positions) const;

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
    std::shared_ptr<kv_budget> budget_;
    mutable std::mutex mutex_;
    std::vector<memory_block> spare_; // guarded by mutex_
};

/// Memory of a pool for attention_block positions, and what it is charged as, until it ends.
/// REQUIRES: the pool outlives it.
class held_block {
public:
    held_block(kv_pool& from, kv_charge paid)
        : pool_(&from), charge_(std::move(paid)), memory_(from.take())
    {
    }
    ~held_block() { pool_->give_back(std::move(memory_)); }
    held_block(const held_block&) = delete;
    held_block& operator=(const held_block&) = delete;

    std::byte* data() const { return memory_.data(); }
    std::uint64_t bytes() const { return charge_.bytes(); } ///< of the budget

private:
    kv_pool* pool_;
    kv_charge charge_;
    memory_block memory_;
};

/// A share in a block: charged once, however many sequences and others hold it.
using kv_block = std::shared_ptr<held_block>;

/// One sequence's cache. REQUIRES: the pool outlives it.
class kv_cache {
public:
    explicit kv_cache(kv_pool& pool) : pool_(&pool), reserved_(pool.budget()) {}
    std::size_t length() const { return length_; } ///< positions in it
    /// Sets aside what it takes to grow to `positions` in all, so that extend() to there cannot
    /// fail: only what it neither has nor shares. False, and nothing changes, if the budget has no
    /// room for that now.
    [[nodiscard]] bool reserve(std::size_t positions);
    /// Makes room for `count` more positions, which count as in it from now on. Throws
    /// kv_exhausted, and nothing changes, if they are neither reserved nor is there room for them.
    void extend(std::size_t count);
    /// Begins with `blocks`, which are whole and never written again; what was reserved for them
    /// goes back. REQUIRES: it is empty, and they are of its pool.
    void share(std::span<const kv_block> blocks);
    /// What it begins with, for share(): a block is written until all its positions are in.
    std::span<const kv_block> blocks() const { return blocks_; }
    /// It is empty again, and nothing is reserved.
    void clear();

    /// The keys and values of one head in a block of positions.
    std::byte* at(std::size_t block, std::size_t layer, std::size_t kv_head)
    {
        return blocks_[block]->data() + pool_->place_of(layer, kv_head);
    }

private:
    kv_pool* pool_;
    std::size_t length_ = 0;
    kv_charge reserved_; // for blocks to come
    std::vector<kv_block> blocks_;
};

} // namespace warmd::hf

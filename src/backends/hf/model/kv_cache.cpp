#include "hf/model/kv_cache.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace warmd::hf {

namespace {

constexpr std::size_t most_spare_bytes = 32 << 20;

} // namespace

std::uint64_t kv_budget::in_use() const
{
    const std::lock_guard lock(mutex_);
    return in_use_;
}

bool kv_budget::take(std::uint64_t bytes)
{
    const std::lock_guard lock(mutex_);
    if (bytes > capacity_ - in_use_)
        return false;
    set(in_use_ + bytes);
    return true;
}

void kv_budget::give_back(std::uint64_t bytes)
{
    const std::lock_guard lock(mutex_);
    set(in_use_ - bytes);
}

void kv_budget::set(std::uint64_t bytes)
{
    in_use_ = bytes;
    if (shown_)
        *shown_ = bytes;
}

bool kv_charge::grow(std::uint64_t bytes)
{
    if (!of_->take(bytes))
        return false;
    bytes_ += bytes;
    return true;
}

void kv_charge::drop(std::uint64_t bytes)
{
    bytes_ -= bytes;
    of_->give_back(bytes);
}

kv_charge kv_charge::cut(std::uint64_t bytes)
{
    kv_charge part(*of_);
    part.bytes_ = bytes;
    bytes_ -= bytes;
    return part;
}

kv_pool::kv_pool(const model_config& config, const attention& by, std::shared_ptr<kv_budget> budget)
    : kv_heads_(config.kv_heads), head_bytes_(by.block_bytes()),
      block_bytes_(config.layers * config.kv_heads * head_bytes_),
      most_spare_(std::max<std::size_t>(most_spare_bytes / block_bytes_, 1)),
      budget_(std::move(budget))
{
}

memory_block kv_pool::take()
{
    memory_block block;
    {
        const std::lock_guard lock(mutex_);
        if (!spare_.empty()) {
            block = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    if (block.bytes() == 0)
        block = memory_block(block_bytes_);
    // Unseen positions count with the weight 0, which nothing but a finite number survives: not
    // what a broken view left here.
    std::memset(block.data(), 0, block_bytes_);
    return block;
}

void kv_pool::give_back(memory_block block)
{
    const std::lock_guard lock(mutex_);
    if (spare_.size() < most_spare_)
        spare_.push_back(std::move(block));
}

std::uint64_t kv_pool::bytes() const
{
    const std::lock_guard lock(mutex_);
    return spare_.size() * memory_block::rounded(block_bytes_);
}

std::uint64_t kv_pool::bytes_for(std::size_t positions) const
{
    const std::size_t blocks = (positions + attention_block - 1) / attention_block;
    return blocks * memory_block::rounded(block_bytes_);
}

bool kv_cache::reserve(std::size_t positions)
{
    const std::uint64_t all = pool_->bytes_for(positions),
                        there =
                            pool_->bytes_for(blocks_.size() * attention_block) + reserved_.bytes();
    return all <= there || reserved_.grow(all - there);
}

void kv_cache::extend(std::size_t count)
{
    if (!reserve(length_ + count))
        throw kv_exhausted("no room for the keys and values of " + std::to_string(count) +
                           " more tokens: " + std::to_string(pool_->budget().in_use()) + " of " +
                           std::to_string(pool_->budget().capacity()) + " bytes are in use");
    while (blocks_.size() * attention_block < length_ + count)
        blocks_.push_back(
            std::make_shared<held_block>(*pool_, reserved_.cut(pool_->bytes_for(attention_block))));
    length_ += count;
}

void kv_cache::share(std::span<const kv_block> blocks)
{
    blocks_.assign(blocks.begin(), blocks.end());
    length_ = blocks.size() * attention_block;
    reserved_.drop(std::min(reserved_.bytes(), pool_->bytes_for(length_)));
}

void kv_cache::clear()
{
    blocks_.clear();
    length_ = 0;
    reserved_.drop(reserved_.bytes());
}

} // namespace warmd::hf

#include "hf/model/kv_cache.hpp"

#include <algorithm>
#include <cstring>

namespace warmd::hf {

namespace {

constexpr std::size_t most_spare_bytes = 32 << 20;

} // namespace

kv_pool::kv_pool(const model_config& config, const attention& by)
    : kv_heads_(config.kv_heads), head_bytes_(by.block_bytes()),
      block_bytes_(config.layers * config.kv_heads * head_bytes_),
      most_spare_(std::max<std::size_t>(most_spare_bytes / block_bytes_, 1))
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

void kv_cache::extend(std::size_t count)
{
    length_ += count;
    while (blocks_.size() * attention_block < length_)
        blocks_.push_back(std::make_shared<held_block>(*pool_));
}

void kv_cache::share(const kv_cache& from, std::size_t blocks)
{
    blocks_.assign(from.blocks_.begin(),
                   from.blocks_.begin() + static_cast<std::ptrdiff_t>(blocks));
    length_ = blocks * attention_block;
}

} // namespace warmd::hf

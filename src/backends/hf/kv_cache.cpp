#include "kv_cache.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

constexpr std::size_t most_spare_bytes = 32 << 20;

} // namespace

kv_pool::kv_pool(const model_config& config)
    : head_dim_(config.head_dim), kv_heads_(config.kv_heads),
      head_size_(attention_block * (config.head_dim + value_stride(config.head_dim))),
      block_size_(config.layers * config.kv_heads * head_size_),
      most_spare_(std::max<std::size_t>(most_spare_bytes / (block_size_ * sizeof(float)), 1))
{
}

std::unique_ptr<float[]> kv_pool::take()
{
    {
        const std::lock_guard lock(mutex_);
        if (!spare_.empty()) {
            std::unique_ptr<float[]> block = std::move(spare_.back());
            spare_.pop_back();
            return block;
        }
    }
    return std::make_unique<float[]>(block_size_); // zeroed: what is not written yet must be finite
}

void kv_pool::give_back(std::unique_ptr<float[]> block)
{
    const std::lock_guard lock(mutex_);
    if (spare_.size() < most_spare_)
        spare_.push_back(std::move(block));
}

std::uint64_t kv_pool::bytes() const
{
    const std::lock_guard lock(mutex_);
    return spare_.size() * block_size_ * sizeof(float);
}

void kv_cache::extend(std::size_t count)
{
    length_ += count;
    while (blocks_.size() * attention_block < length_)
        blocks_.push_back(std::make_shared<held_block>(*pool_));
}

void kv_cache::share(const kv_cache& from, std::size_t blocks)
{
    blocks_.assign(from.blocks_.begin(), from.blocks_.begin() + static_cast<std::ptrdiff_t>(blocks));
    length_ = blocks * attention_block;
}

} // namespace warmd::hf

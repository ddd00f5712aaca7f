#pragma once
// Keys and values of a model that is not there.

#include "hf/model/kv_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace warmd::hf {

/// A pool of blocks of a small model, and what one of them takes.
struct small_pool {
    std::unique_ptr<const attention> attends = make_fp32_attention(8);
    std::shared_ptr<kv_budget> budget;
    kv_pool pool;
    std::uint64_t block;

    explicit small_pool(std::size_t blocks)
        : budget(std::make_shared<kv_budget>(blocks * one_block())),
          pool(shape(), *attends, budget), block(one_block())
    {
    }

private:
    static model_config shape()
    {
        model_config config;
        config.layers = 2;
        config.heads = config.kv_heads = 2;
        config.head_dim = 8;
        return config;
    }
    std::uint64_t one_block() const
    {
        return kv_pool(shape(), *attends, std::make_shared<kv_budget>()).bytes_for(attention_block);
    }
};

} // namespace warmd::hf

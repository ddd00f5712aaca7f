#include "hf/compute/attention.hpp"

#include "hf/compute/memory_block.hpp"

namespace warmd::hf {

std::byte* attention::own_scratch(std::size_t bytes)
{
    thread_local memory_block scratch;
    if (scratch.bytes() < bytes)
        scratch = memory_block(bytes);
    return scratch.data();
}

std::unique_ptr<const attention> make_attention(std::size_t head_dim, precision computes)
{
    auto by_amx = computes == precision::bf16 ? make_amx_attention(head_dim) : nullptr;
    return by_amx ? std::move(by_amx) : make_fp32_attention(head_dim);
}

} // namespace warmd::hf

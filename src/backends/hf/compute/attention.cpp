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

std::unique_ptr<const attention> make_attention(std::size_t head_dim, const weight_format& format,
                                                float score_cap)
{
    return format.uses_tiles() && score_cap == 0 ? make_amx_attention(head_dim)
                                                 : make_fp32_attention(head_dim, score_cap);
}

} // namespace warmd::hf

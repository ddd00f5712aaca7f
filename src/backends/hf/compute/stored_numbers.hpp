#pragma once
// Numbers as files have them, in fp32.

#include "hf/compute/kernels.hpp"
#include "hf/compute/panel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace warmd::hf {

/// `count` numbers: where they are, or widened in `room`, which grows.
inline const float* in_fp32(const std::byte* from, stored_as type, std::size_t count,
                            std::vector<float>& room)
{
    if (type == stored_as::fp32)
        return reinterpret_cast<const float*>(from);
    room.resize(std::max(room.size(), count));
    (type == stored_as::bf16 ? widen_bf16 : widen_fp16)(
        reinterpret_cast<const std::uint16_t*>(from), room.data(), count);
    return room.data();
}

} // namespace warmd::hf

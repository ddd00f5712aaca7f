#pragma once
// How the factors stand in LoRA's tiles (lora_amx.hpp): what those who make them and those who
// multiply by them agree on.

#include "hf/compute/amx.hpp"

#if defined(__x86_64__)

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace warmd::hf::lora_layout {

inline constexpr std::size_t eight = 8;

inline std::size_t eights_of(std::size_t rank) { return (rank + eight - 1) / eight; }
inline std::size_t steps_of(std::size_t in) { return (in + amx::step - 1) / amx::step; }
inline std::size_t padded(std::size_t out)
{
    return (out + amx::register_rows - 1) / amx::register_rows * amx::register_rows;
}

inline std::uint64_t a_bytes(std::size_t rank, std::size_t in)
{
    return eights_of(rank) * steps_of(in) * amx::register_bytes;
}
/// Rows of pairs one after another: [16, padded(out)] for each eight ranks.
inline std::uint64_t b_bytes(std::size_t rank, std::size_t out)
{
    return eights_of(rank) * amx::register_rows * padded(out) * sizeof(std::uint32_t);
}

/// Two eights of A's ranks share x: they stand together, step by step.
inline std::size_t a_place(std::size_t eights, std::size_t which, std::size_t steps, std::size_t s)
{
    const std::size_t pair = which / 2, width = std::min<std::size_t>(2, eights - 2 * pair);
    return (2 * pair * steps + s * width + which % 2) * amx::register_bytes;
}

} // namespace warmd::hf::lora_layout

#endif

#include "hf/compute/memory_block.hpp"

#include <sys/mman.h>

#include <new>

namespace warmd::hf {

namespace {

constexpr std::uint64_t huge_page = 2 << 20, cache_line = 64;
constexpr std::uint64_t worth_huge_pages = 4 * huge_page; // below, rounding up would waste too much

std::uint64_t unit_for(std::uint64_t bytes)
{
    return bytes >= worth_huge_pages ? huge_page : cache_line;
}

} // namespace

memory_block::memory_block(std::uint64_t bytes) : bytes_(rounded(bytes))
{
    if (bytes_ == 0)
        return;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(unit_for(bytes), bytes_)));
    if (!memory_)
        throw std::bad_alloc();
    if (bytes >= worth_huge_pages)
        ::madvise(memory_.get(), bytes_,
                  MADV_HUGEPAGE); // where there are none, it is slower and nothing else
}

std::uint64_t memory_block::rounded(std::uint64_t bytes)
{
    const std::uint64_t unit = unit_for(bytes);
    return (bytes + unit - 1) / unit * unit;
}

} // namespace warmd::hf

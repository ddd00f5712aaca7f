#pragma once
// Memory that has been freed and not gone back to the system: the allocator keeps what lies between
// blocks that are in use.

#include <cstdint>

namespace warmd {

/// Gives it back. Takes a walk over all that is free (malloc_trim(3)); does nothing beneath a
/// sanitizer, which brings an allocator of its own.
void give_memory_back() noexcept;
/// Bytes of this process that are in memory (proc(5), statm); 0 if the system does not tell.
std::uint64_t resident_bytes() noexcept;

/// When the walk is worth it for one who serves many small requests: a burst of them may have left
/// something behind if more is resident than before it.
class spare_memory {
public:
    static constexpr std::uint64_t worth_a_walk = 1 << 20; ///< bytes

    /// Whether to walk now that so much is resident. Asked from time to time while nothing is under
    /// way.
    bool is_worth_a_walk(std::uint64_t resident) noexcept
    {
        if (least_ == 0 || resident < least_)
            least_ = resident;
        return resident - least_ >= worth_a_walk;
    }
    /// That was done, and so much is resident now: that is in use.
    void walked(std::uint64_t resident) noexcept { least_ = resident; }

private:
    std::uint64_t least_ = 0; // resident, since the last walk
};

} // namespace warmd

#pragma once
// How much of the machine this process may use: what defaults and shares are derived from. In a
// container, or a service with limits, that is less than the machine has, and what the kernel
// enforces is the smallest limit on the way up the tree of control groups (cgroups(7), versions 1
// and 2).

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace warmd {

/// Bytes of memory: the smallest of what the machine has (MemTotal), the limits of the control
/// groups around this process (v2: memory.max, memory.high; v1: memory.limit_in_bytes), and its own
/// limit of address space (RLIMIT_AS). Files that cannot be read set no limit. `root`: where /proc
/// and /sys are looked for.
std::uint64_t memory_limit(const std::filesystem::path& root = "/");

/// Processors, at least 1: the smaller of those it may run on (sched_getaffinity(2)) and the time
/// that its control groups grant, rounded up (v2: cpu.max; v1: cpu.cfs_quota_us).
std::size_t usable_cores(const std::filesystem::path& root = "/");

} // namespace warmd

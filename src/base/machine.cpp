#include "base/machine.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

namespace {

using std::filesystem::path;

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

/// The first number of a file; nothing if it has none ("max") or cannot be read.
std::optional<std::int64_t> number_in(const path& file)
{
    std::ifstream in(file);
    std::int64_t number = 0;
    return in >> number ? std::optional(number) : std::nullopt;
}

bool has_word(std::string_view list, std::string_view word)
{
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t end = std::min(list.find(',', begin), list.size());
        if (list.substr(begin, end - begin) == word)
            return true;
        begin = end + 1;
    }
    return false;
}

/// The directories of the control groups that `controller` holds this process in, from its own up
/// to the root of the tree. A group that is not seen from here (a container with the host's
/// /proc/self/cgroup) is passed over; those above it still count.
std::vector<path> groups(const path& root, std::string_view controller)
{
    std::vector<path> all;
    std::ifstream lines(root / "proc/self/cgroup");
    for (std::string line; std::getline(lines, line);) { // NUMBER:CONTROLLERS:/PATH
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos)
            continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (!controllers.empty() && !has_word(controllers, controller))
            continue;
        path group = path(line.substr(second + 1)).lexically_normal().relative_path();
        const path tree = root / "sys/fs/cgroup" / controllers; // no controllers: version 2
        for (; !group.empty(); group = group.parent_path())
            all.push_back(tree / group);
        all.push_back(tree);
    }
    return all;
}

std::uint64_t machine_memory(const path& root)
{
    std::ifstream lines(root / "proc/meminfo");
    std::string name;
    std::uint64_t kilobytes = 0;
    if (lines >> name >> kilobytes && name == "MemTotal:")
        return kilobytes * 1024;
    // hidden (systemd's ProcSubset=pid)
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t address_space_limit()
{
    rlimit limit{};
    return ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur
                                                                                  : no_limit;
}

std::size_t cores_to_run_on()
{
    // sched_getaffinity() refuses a set that is smaller than the kernel's own.
    for (std::size_t most = 1024; most <= 1 << 20; most *= 2) {
        const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
            CPU_ALLOC(most), [](cpu_set_t* of) { CPU_FREE(of); });
        if (!set)
            break;
        const std::size_t bytes = CPU_ALLOC_SIZE(most);
        if (::sched_getaffinity(0, bytes, set.get()) == 0)
            return static_cast<std::size_t>(std::max(1, CPU_COUNT_S(bytes, set.get())));
    }
    return static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

/// Processors' worth of time that one group grants; nothing if it sets no limit.
std::optional<double> granted(const path& group)
{
    std::ifstream v2(group / "cpu.max"); // QUOTA PERIOD, or "max PERIOD"
    double quota = 0, period = 0;
    if (v2 >> quota >> period && period > 0)
        return quota / period;
    const auto v1 = number_in(group / "cpu.cfs_quota_us"); // -1: no limit
    const auto every = number_in(group / "cpu.cfs_period_us");
    if (v1 && *v1 > 0 && every && *every > 0)
        return static_cast<double>(*v1) / static_cast<double>(*every);
    return {};
}

} // namespace

std::uint64_t memory_limit(const path& root)
{
    std::uint64_t least = std::min(machine_memory(root), address_space_limit());
    for (const path& group : groups(root, "memory"))
        for (const char* file : {"memory.max", "memory.high", "memory.limit_in_bytes"})
            if (const auto bytes = number_in(group / file); bytes && *bytes > 0)
                least = std::min(least, static_cast<std::uint64_t>(*bytes));
    return least;
}

std::size_t usable_cores(const path& root)
{
    std::size_t least = cores_to_run_on();
    for (const path& group : groups(root, "cpu"))
        if (const auto cores = granted(group); cores && *cores < static_cast<double>(least))
            least = static_cast<std::size_t>(std::max(1.0, std::ceil(*cores)));
    return least;
}

} // namespace warmd

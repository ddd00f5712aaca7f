#pragma once
// Thins out reports.

#include <atomic>
#include <cstdint>

namespace warmd {

/// Reports of progress from a worker thread, thinned out to one in a hundred steps of the way.
class progress_filter {
public:
    bool passes(std::uint64_t done, std::uint64_t total)
    {
        const std::uint64_t percent = total == 0 ? 0 : done / (total / 100 + 1);
        return last_.exchange(percent, std::memory_order_relaxed) != percent;
    }

private:
    std::atomic<std::uint64_t> last_ = ~std::uint64_t{0};
};

} // namespace warmd

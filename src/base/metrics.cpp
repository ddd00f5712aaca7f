#include "base/metrics.hpp"

#include <algorithm>

namespace warmd {

void histogram::add(double value) noexcept
{
    const auto place = static_cast<std::size_t>(
        std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin());
    in_[place].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

histogram::reading histogram::read() const
{
    reading all{.bounds = bounds_, .up_to = {}, .sum = sum_.load(std::memory_order_relaxed)};
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i <= bounds_.size(); ++i)
        all.up_to.push_back(so_far += in_[i].load(std::memory_order_relaxed));
    return all;
}

} // namespace warmd

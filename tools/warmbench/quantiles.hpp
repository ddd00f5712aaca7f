#pragma once
// What is told of several counts of one thing.

#include <algorithm>
#include <vector>

namespace warmbench {

/// Throws if there are none; so does the next.
inline double median(std::vector<double> of)
{
    std::ranges::sort(of);
    return of.at(of.size() / 2);
}

/// The one that 99 % stay at or below.
inline double p99(std::vector<double> of)
{
    std::ranges::sort(of);
    return of.at((of.size() * 99 + 99) / 100 - 1);
}

} // namespace warmbench

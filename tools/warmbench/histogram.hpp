#pragma once
// Latencies, counted in buckets 1.6 % wide: adding costs a few instructions, whatever the number of
// requests.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace warmbench {

class histogram {
public:
    void add(std::uint64_t nanoseconds)
    {
        ++counts_[bucket_of(nanoseconds)];
        ++total_;
    }
    std::uint64_t total() const { return total_; }
    void add(const histogram& other)
    {
        for (std::size_t i = 0; i != counts_.size(); ++i)
            counts_[i] += other.counts_[i];
        total_ += other.total_;
    }

    /// The latency that `share` (0..1) of all stay at or below, in microseconds; 0 if there are
    /// none.
    double microseconds(double share) const
    {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i != counts_.size(); ++i)
            if ((seen += counts_[i]) > wanted || (seen == total_ && seen != 0))
                return static_cast<double>(least_of(i + 1)) / 1e3;
        return 0;
    }

private:
    static constexpr unsigned bits = 6; // buckets per power of two: 2^6
    static std::size_t bucket_of(std::uint64_t value)
    {
        if (value < (1U << bits))
            return static_cast<std::size_t>(value);
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
        return (static_cast<std::size_t>(shift) << bits) + static_cast<std::size_t>(value >> shift);
    }
    static std::uint64_t least_of(std::size_t bucket)
    {
        if (bucket < (2U << bits))
            return bucket;
        const std::size_t shift = (bucket >> bits) - 1;
        return static_cast<std::uint64_t>((bucket & ((1U << bits) - 1)) + (1U << bits)) << shift;
    }

    std::array<std::uint64_t, (64 - bits + 1) << bits> counts_{};
    std::uint64_t total_ = 0;
};

} // namespace warmbench

#pragma once
// Where threads that work together wait for one another.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace warmd::hf {

/// Calls done() again and again for about as long as it takes to sleep and be woken, which is
/// several times what one tile of a product takes: who gives up earlier comes late to the next
/// meeting, and makes the others wait there. By the clock: the pause between two looks takes 20 to
/// 60 ns, as the processor has it. False if it stayed false.
template <class Done>
bool comes_soon(const Done& done)
{
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::microseconds patience{100};
    constexpr int looks_at_once = 32; // the clock takes as long as a pause or two
    const auto end = clock::now() + patience;
    do {
        for (int i = 0; i != looks_at_once; ++i) {
            if (done())
                return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    } while (clock::now() < end);
    return false;
}

/// A barrier whose members may leave. Who comes first looks for a while whether the others have
/// come, which is what takes the least time when all are at work, and then sleeps. What a member
/// wrote before it came, all have seen when they go on.
class meeting_point {
public:
    explicit meeting_point(std::uint32_t members) : state_(pack({0, members, members})) {}
    /// Returns when all members have come.
    void wait_for_all() { arrive(false); }
    /// The calling thread will never come again.
    void leave() { arrive(true); }

private:
    struct counts {
        std::uint32_t round;
        std::uint32_t missing, members; // below 2^16
    };
    static std::uint64_t pack(counts of)
    {
        return std::uint64_t{of.round} << 32 | of.missing << 16 | of.members;
    }
    static counts unpack(std::uint64_t of)
    {
        return {static_cast<std::uint32_t>(of >> 32), static_cast<std::uint32_t>(of >> 16 & 0xffff),
                static_cast<std::uint32_t>(of & 0xffff)};
    }
    bool is_over(std::uint32_t round) const
    {
        return unpack(state_.load(std::memory_order_acquire)).round != round;
    }

    void arrive(bool for_ever)
    {
        std::uint64_t seen = state_.load(std::memory_order_relaxed), next = 0;
        const std::uint32_t round = unpack(seen).round; // cannot end before this thread has come
        do {
            counts now = unpack(seen);
            now.members -= for_ever ? 1 : 0;
            if (--now.missing == 0)
                now = {now.round + 1, now.members, now.members};
            next = pack(now);
        } while (!state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel,
                                               std::memory_order_relaxed));
        if (unpack(next).round != round)
            state_.notify_all();
        else if (!for_ever)
            wait_for_end_of(round);
    }
    void wait_for_end_of(std::uint32_t round)
    {
        if (comes_soon([&] { return is_over(round); }))
            return;
        for (std::uint64_t now = state_.load(std::memory_order_acquire); unpack(now).round == round;
             now = state_.load(std::memory_order_acquire))
            state_.wait(now, std::memory_order_acquire);
    }

    std::atomic<std::uint64_t> state_;
};

} // namespace warmd::hf

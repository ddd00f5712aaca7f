#pragma once
// Loops over all cores. What they compute never depends on which thread does it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>

#include <omp.h>

namespace warmd::hf {

inline constexpr std::size_t worth_threads =
    1 << 16; // elements: below, waking the other threads takes longer than the work

/// The last exception of several threads.
class thrown_by_any {
public:
    template <class Do>
    void guard(const Do& what)
    {
        try {
            what();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            thrown_ = std::current_exception();
        }
    }
    void rethrow() const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }

private:
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

/// Calls each(i) for i < count, on all cores if the work of all (in elements) is worth it; rethrows
/// the last exception.
template <class Each>
void for_each(std::size_t count, std::size_t work, const Each& each)
{
    thrown_by_any thrown;
#pragma omp parallel for schedule(dynamic) if (work >= worth_threads)
    for (std::size_t i = 0; i < count; ++i)
        thrown.guard([&] { each(i); });
    thrown.rethrow();
}

/// Where the threads of a team wait for one another. Who comes first looks for a while whether the
/// others have come, which is what takes the least time when all are at work, and then sleeps.
class meeting_point {
public:
    explicit meeting_point(std::uint32_t members) : state_(pack({0, members, members})) {}
    /// Returns when all members have come.
    void wait_for_all() { arrive(false); }
    /// The calling thread will never come again.
    void leave() { arrive(true); }

private:
    static constexpr int looks =
        1000; // about 50 microseconds: several times what one tile of a product takes

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
    static void pause()
    {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
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
        for (int i = 0; i != looks; ++i) {
            if (unpack(state_.load(std::memory_order_acquire)).round != round)
                return;
            pause();
        }
        for (std::uint64_t now = state_.load(std::memory_order_acquire); unpack(now).round == round;
             now = state_.load(std::memory_order_acquire))
            state_.wait(now, std::memory_order_acquire);
    }

    std::atomic<std::uint64_t> state_;
};

/// While it lives, OpenMP gives as many threads as this thread asks for. OMP_DYNAMIC=true in the
/// environment lets it give fewer on a busy machine, and those that work together would wait for
/// the others for ever.
class fixed_team_size {
public:
    fixed_team_size() : before_(omp_get_dynamic()) { omp_set_dynamic(0); }
    ~fixed_team_size() { omp_set_dynamic(before_); }
    fixed_team_size(const fixed_team_size&) = delete;
    fixed_team_size& operator=(const fixed_team_size&) = delete;

private:
    int before_;
};

/// One of the threads that do a piece of work together.
struct team_member {
    std::size_t index, size;
    meeting_point* meeting;

    void wait_for_all() const { meeting->wait_for_all(); }
};

/// Calls work(member) on so many threads at once; rethrows the last exception. A member that throws
/// is not waited for any more, so the others must be able to go on without what it would have done.
/// Nobody works if OpenMP has fewer threads to give.
template <class Work>
void run_team(std::size_t threads, const Work& work)
{
    thrown_by_any thrown;
    meeting_point meeting(static_cast<std::uint32_t>(threads));
    const fixed_team_size fixed;
#pragma omp parallel num_threads(static_cast <int>(threads))
    {
        const auto index = static_cast<std::size_t>(omp_get_thread_num()),
                   got = static_cast<std::size_t>(omp_get_num_threads());
        thrown.guard([&] {
            if (got != threads)
                throw std::runtime_error("OpenMP gave " + std::to_string(got) + " of " +
                                         std::to_string(threads) + " threads");
            work(team_member{index, threads, &meeting});
        });
        meeting.leave();
    }
    thrown.rethrow();
}

} // namespace warmd::hf

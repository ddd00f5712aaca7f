#pragma once
// The engine's own threads, all made at the start: no library makes any (one that cannot would end
// the process), and however many models and callers there are, there are no more. What they compute
// never depends on which thread does it.

#include "hf/compute/meeting_point.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace warmd::hf {

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

/// One of the threads that do a piece of work together.
struct team_member {
    std::size_t index, size;
    meeting_point* meeting;

    void wait_for_all() const { meeting->wait_for_all(); }
};

/// A thread of the engine's own: it yields to everything else on the machine by
/// thread_team::niceness, and takes no signals. Throws std::system_error if there can be none.
std::thread engine_thread(std::function<void()> work);

/// Threads that sleep until there is something to do. Whoever calls works along, so that a team of
/// one has no thread of its own. Thread-safe: one piece of work at a time has the team, and what
/// must be done together comes before loops, whose callers then go on alone.
class thread_team {
public:
    /// How much they yield to everything else on the machine, see setpriority(2).
    static constexpr int niceness = 10;
    /// Elements: below, waking the others takes longer than the work.
    static constexpr std::size_t worth_waking = 1 << 16;

    /// A team of `wanted`, at least one; of fewer, as size() says, where the system grants no more
    /// threads.
    explicit thread_team(std::size_t wanted);
    ~thread_team();
    thread_team(const thread_team&) = delete;
    thread_team& operator=(const thread_team&) = delete;

    std::size_t size() const { return threads_.size() + 1; }

    /// Calls work(team_member) on so many threads at once; rethrows the last exception. A member
    /// that throws is not waited for any more, so the others must be able to go on without what it
    /// would have done. REQUIRES: 1 <= members <= size(), and not called by one of a team.
    template <class Work>
    void run(std::size_t members, const Work& work);

    /// Calls each(i), or each(i, thread) with the number of the thread, below size(), for i <
    /// count: on all threads if `work`, of all, is worth it and nobody has the team. Rethrows the
    /// last exception.
    template <class Each>
    void for_each(std::size_t count, std::size_t work, const Each& each);

private:
    using task = std::function<void(std::size_t thread)>;

    void sleep_and_work(std::size_t thread);
    /// Does the task on all threads. REQUIRES: the caller has the team.
    void do_together(const task& what);
    void stop();

    std::vector<std::thread> threads_;
    std::mutex had_;                        // by who has the team
    std::atomic<std::size_t> wanted_{0};    // by so many, for what must be done together
    const task* task_ = nullptr;            // of the round; null: the end
    std::atomic<std::uint32_t> round_{0};   // a new one: there is a task
    std::atomic<std::uint32_t> working_{0}; // threads that are not done with it
};

template <class Work>
void thread_team::run(std::size_t members, const Work& work)
{
    thrown_by_any thrown;
    meeting_point meeting(static_cast<std::uint32_t>(members));
    const task one = [&](std::size_t thread) {
        if (thread >= members)
            return;
        thrown.guard([&] { work(team_member{thread, members, &meeting}); });
        meeting.leave();
    };
    if (members == 1) {
        one(0);
    } else {
        ++wanted_;
        const std::lock_guard lock(had_);
        --wanted_;
        do_together(one);
    }
    thrown.rethrow();
}

template <class Each>
void thread_team::for_each(std::size_t count, std::size_t work, const Each& each)
{
    std::atomic<std::size_t> next{0};
    thrown_by_any thrown;
    const auto take_some = [&](std::size_t thread, const auto& enough) {
        while (!enough()) {
            const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
            if (i >= count)
                return;
            thrown.guard([&] {
                if constexpr (std::is_invocable_v<const Each&, std::size_t, std::size_t>)
                    each(i, thread);
                else
                    each(i);
            });
        }
    };
    if (count > 1 && work >= worth_waking && size() > 1)
        if (const std::unique_lock lock(had_, std::try_to_lock); lock)
            do_together([&](std::size_t thread) {
                take_some(thread, [this] { return wanted_.load(std::memory_order_relaxed) != 0; });
            });
    take_some(0, [] { return false; }); // all, or what is left
    thrown.rethrow();
}

} // namespace warmd::hf

#include "hf/compute/threads.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <system_error>
#include <utility>

namespace warmd::hf {

namespace {

/// In its lifetime this thread, and those that it makes, take no signals: the process's own threads
/// do.
class deaf_to_signals {
public:
    deaf_to_signals()
    {
        ::sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~deaf_to_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    deaf_to_signals(const deaf_to_signals&) = delete;
    deaf_to_signals& operator=(const deaf_to_signals&) = delete;

private:
    ::sigset_t before_;
};

} // namespace

std::thread engine_thread(std::function<void()> work)
{
    const deaf_to_signals while_it_is_made;
    return std::thread([work = std::move(work)] {
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), thread_team::niceness);
        work();
    });
}

thread_team::thread_team(std::size_t wanted)
{
    try {
        threads_.reserve(wanted);
        while (size() < wanted)
            threads_.push_back(engine_thread([this, thread = size()] { sleep_and_work(thread); }));
    } catch (const std::system_error&) { // no more than these
    }
}

thread_team::~thread_team() { stop(); }

void thread_team::stop()
{
    task_ = nullptr;
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    for (std::thread& each : threads_)
        each.join();
}

void thread_team::sleep_and_work(std::size_t thread)
{
    for (std::uint32_t seen = 0;;) {
        // The steps of a generation follow each other closely.
        if (!comes_soon([&] { return round_.load(std::memory_order_acquire) != seen; }))
            round_.wait(seen, std::memory_order_acquire);
        seen = round_.load(std::memory_order_acquire); // the next: none begins before all are done
        if (!task_)
            return;
        (*task_)(thread);
        if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            working_.notify_one();
    }
}

void thread_team::do_together(const task& what)
{
    task_ = &what;
    working_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    what(0);
    if (comes_soon([this] { return working_.load(std::memory_order_acquire) == 0; }))
        return;
    for (std::uint32_t left = working_.load(std::memory_order_acquire); left != 0;
         left = working_.load(std::memory_order_acquire))
        working_.wait(left, std::memory_order_acquire);
}

} // namespace warmd::hf

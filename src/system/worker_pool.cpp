#include "system/worker_pool.hpp"

#include "system/prompt_thread.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <system_error>

namespace warmd {

worker_pool::worker_pool(std::size_t threads, const std::string& purpose, int niceness)
    : io_(static_cast<int>(threads)), running_(threads)
{
    threads_.reserve(threads);
    try {
        while (threads_.size() != threads)
            threads_.emplace_back([this, niceness] { work(niceness); });
    } catch (const std::system_error& refused) {
        const std::size_t granted = threads_.size();
        end();
        throw std::system_error(refused.code(),
                                "the system grants " + std::to_string(granted) + " of " +
                                    std::to_string(threads) + " threads " + purpose +
                                    " (ulimit -u, TasksMax= and pids.max limit them)");
    }
}

worker_pool::~worker_pool() { end(); }

void worker_pool::end()
{
    io_.stop();
    for (std::thread& each : threads_)
        if (each.joinable())
            each.join();
}

void worker_pool::work(int niceness)
{
    if (niceness != 0) {
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
        run_promptly();
    }
    io_.run();
    const std::lock_guard lock(mutex_);
    --running_;
    fewer_.notify_all();
}

bool worker_pool::join(std::chrono::nanoseconds patience)
{
    busy_.reset();
    {
        std::unique_lock lock(mutex_);
        if (!fewer_.wait_for(lock, patience, [this] { return running_ == 0; }))
            return false;
    }
    end();
    return true;
}

} // namespace warmd

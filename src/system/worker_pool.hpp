#pragma once
// Threads for work that may block, all of them made at the start.

#include "base/asio.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace warmd {

/// In place of asio::thread_pool, which waits for ever for those it has when it cannot have all of
/// its threads, and cannot be left while one of them hangs.
class worker_pool {
public:
    /// Throws std::system_error if the system does not grant all of the threads; the text says how
    /// many of how many there are, `purpose` ("to load models"), and which limits may be the cause.
    /// `niceness`: of the threads, see setpriority(2); those that have one run promptly for that
    /// (prompt_thread.hpp).
    worker_pool(std::size_t threads, const std::string& purpose, int niceness = 0);
    /// Waits for what runs; what is only queued is dropped.
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    asio::io_context::executor_type get_executor() { return io_.get_executor(); }
    /// Lets the threads end when nothing is left to do. False if some have not by `patience`: then
    /// this object must not be destroyed any more (std::_Exit).
    bool join(std::chrono::nanoseconds patience);

private:
    void work(int niceness);
    void end();

    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> busy_{io_.get_executor()};
    std::mutex mutex_;
    std::condition_variable fewer_;
    std::size_t running_;
    std::vector<std::thread> threads_;
};

} // namespace warmd

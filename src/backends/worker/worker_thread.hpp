#pragma once
// The thread that workers are spoken with on, so that nothing of what they say, however much or
// little, is in the way of the daemon's clients. It starts them, too: they end when it does.

#include "base/io_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <thread>

namespace warmd::worker {

class worker_thread {
public:
    worker_thread();
    /// REQUIRES: every worker has ended.
    ~worker_thread();
    worker_thread(const worker_thread&) = delete;
    worker_thread& operator=(const worker_thread&) = delete;

    io_executor executor() noexcept { return io_.get_executor(); }

private:
    asio::io_context io_{1};
    asio::executor_work_guard<io_executor> open_{io_.get_executor()};
    std::thread runs_;
};

} // namespace warmd::worker

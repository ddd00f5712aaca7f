#include "worker/worker_thread.hpp"

#include <boost/asio/io_context.hpp>

#include <csignal>

namespace warmd::worker {

/// Signals are the daemon's to handle.
worker_thread::worker_thread()
{
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    runs_ = std::thread([this] { io_.run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

worker_thread::~worker_thread()
{
    open_.reset();
    runs_.join();
}

} // namespace warmd::worker

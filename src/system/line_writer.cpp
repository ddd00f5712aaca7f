#include "system/line_writer.hpp"

#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

namespace warmd {

struct line_writer::state {
    state(int descriptor, lost_line lost, std::size_t most)
        : to(::dup(descriptor)), about_lost(std::move(lost)), max_lines(most)
    {
        if (to < 0)
            throw std::system_error(errno, std::generic_category(), "cannot write the log");
    }
    ~state() { ::close(to); }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    void run();
    bool write(std::string_view bytes) const;

    const int to;
    const lost_line about_lost;
    const std::size_t max_lines;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> waiting; ///< the first is being written
    std::size_t unsaid = 0;          ///< dropped since there was room last
    std::size_t dropped = 0;
    bool ending = false;
    bool ended = false; ///< the thread
};

bool line_writer::state::write(std::string_view bytes) const
{
    while (!bytes.empty()) {
        const ssize_t n = ::write(to, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (n > 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

void line_writer::state::run()
{
    std::unique_lock lock(mutex);
    for (;;) {
        changed.wait(lock, [this] { return ending || !waiting.empty(); });
        if (waiting.empty())
            break;
        const std::string& line = waiting.front(); // a deque's elements stay where they are
        lock.unlock();
        const bool written = write(line);
        lock.lock();
        if (ended) // given up: end() has counted what was left
            return;
        dropped += !written;
        waiting.pop_front();
    }
    ended = true;
    changed.notify_all();
}

line_writer::line_writer(int descriptor, lost_line about_lost, std::size_t max_lines)
    : state_(std::make_shared<state>(descriptor, std::move(about_lost), max_lines)),
      thread_([of = state_] { of->run(); })
{
}

line_writer::~line_writer() { end({}); }

void line_writer::push(std::string line)
{
    const std::lock_guard lock(state_->mutex);
    state& of = *state_;
    if (of.ending || of.waiting.size() >= of.max_lines) {
        ++of.dropped;
        ++of.unsaid;
        return;
    }
    if (const std::size_t lost = std::exchange(of.unsaid, 0))
        of.waiting.push_back(of.about_lost(lost));
    of.waiting.push_back(std::move(line));
    of.changed.notify_all();
}

std::size_t line_writer::dropped() const
{
    const std::lock_guard lock(state_->mutex);
    return state_->dropped;
}

std::size_t line_writer::end(std::chrono::nanoseconds patience)
{
    std::unique_lock lock(state_->mutex);
    state& of = *state_;
    if (!thread_.joinable())
        return of.dropped;
    if (const std::size_t lost = std::exchange(of.unsaid, 0))
        of.waiting.push_back(of.about_lost(lost));
    of.ending = true;
    of.changed.notify_all();
    if (of.changed.wait_for(lock, patience, [&of] { return of.ended; })) {
        lock.unlock();
        thread_.join();
        return of.dropped;
    }
    of.ended = true;
    of.dropped += of.waiting.size();
    thread_.detach();
    return of.dropped;
}

} // namespace warmd

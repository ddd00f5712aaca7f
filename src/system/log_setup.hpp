#pragma once
// Where the daemon's log lines go: to stderr, through Boost.Log. Only main knows this; everything
// else has a logger.

#include <warmd/log.hpp>

#include <memory>

namespace warmd {

enum class log_format {
    text, ///< for people: with the time; under journald, which adds its own, with sd-daemon(3)
          ///< level prefixes instead
    json, ///< one object per line: time (UTC), level, message
};

/// The process's log. One at a time. Lines are queued and written by a thread of its own, so that a
/// slow stderr never stalls the daemon; when the queue is full, lines are dropped, and a line says
/// how many once there is room again (line_writer).
class process_log {
public:
    /// Throws std::system_error if the system grants no thread.
    process_log(log_level threshold, log_format format);
    ~process_log(); ///< as end()

    /// REQUIRES: not used after this object's end.
    logger make_logger() const;
    /// Returns once everything logged so far is written, or after a second: what a stopped
    /// collector of logs does not take must not keep the daemon from ending. Then nothing more is
    /// logged. For the moment before std::_Exit.
    void end();
    /// Lines that were dropped so far. Any thread.
    std::size_t dropped() const;

private:
    class impl;
    log_level threshold_;
    std::unique_ptr<impl> impl_;
};

} // namespace warmd

#pragma once
// The configuration in force, and how the file takes its place when it is read again.

#include "app/options.hpp"

#include "base/io_thread.hpp"

#include "methods/methods.hpp"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace warmd {

/// Holds what the daemon was told, keeps `told` up to date with it, and sees to it that the cache
/// holds what the file lists. Models that a file drops or changes are not unloaded: nobody asks for
/// them any more, so they go as the least recently used. Serial by `io`. Everything given by
/// reference must outlive what is under way on both executors.
class configuration {
public:
    using reader = std::function<std::variant<daemon_options, leave>()>;
    using listener = std::function<void(result<model_changes>)>;
    struct executors {
        io_executor io;
        asio::any_io_executor checks; ///< where files are read
    };

    /// `set_workers`: takes the kinds of a file that is read again.
    configuration(const daemon_options& now, reader reread, executors where, backend_cache& cache,
                  daemon_info& told, logger log,
                  std::function<void(const worker_kinds&)> set_workers);

    /// Loads and pins what the file lists, one after the other and in the background. A failure is
    /// logged.
    void start();
    /// Reads the file again and applies it, or changes nothing. Reloads take place one at a time,
    /// in the order of the calls. `told` is called on io.
    void reload(listener told);

private:
    result<model_changes> apply(std::variant<daemon_options, leave> read);
    void note_what_needs_a_restart(const daemon_options& fresh) const;
    void say_what_changed(const model_changes& changes) const;
    std::vector<std::pair<std::string, bool>> listed() const;
    bool is_to_be_pinned(const model_spec& spec) const;
    asio::awaitable<void> hold_what_is_listed();
    asio::awaitable<void> let_go();
    asio::awaitable<bool> hold(std::string name, bool pin);

    daemon_options now_;
    const daemon_options serving_; ///< as it was at the start: what concerns connections, access
                                   ///< and computing is fixed since
    const reader reread_;
    const io_executor io_;
    const asio::any_io_executor one_at_a_time_; ///< a strand on the checks
    backend_cache& cache_;
    daemon_info& told_;
    const logger log_;
    const std::function<void(const worker_kinds&)> set_workers_;
    std::map<cache_key, model_spec> pinned_; ///< by us
    unsigned turn_ = 0;                      ///< of the file in force
    bool holding_ = false;                   ///< hold_what_is_listed() runs
};

} // namespace warmd

#pragma once
// Workers: engines in processes of their own, as the configuration file describes them, and what is
// told of those that are there.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace warmd {

/// What a path in a ModelSpec is, to who starts the worker.
enum class path_meaning {
    local, ///< a file or directory here: resolved, fingerprinted, watched, limited to allowed roots
    remote, ///< one on another machine: passed on as it is
    opaque, ///< no path at all, but a name: passed on as it is
};

/// How workers of one kind are started, and what they are given.
struct worker_settings {
    std::vector<std::string> command; ///< program and arguments; never empty. A program without a /
                                      ///< is looked for as the shell does
    std::map<std::string, std::string> env; ///< besides PATH, HOME and the locale
    path_meaning paths = path_meaning::local;
    std::chrono::nanoseconds load_timeout = std::chrono::minutes(10);  ///< from the start to `load`
    std::chrono::nanoseconds stall_timeout = std::chrono::seconds(60); ///< without a sign of life
    std::chrono::nanoseconds stop_timeout = std::chrono::seconds(5); ///< to end by itself, and then
                                                                     ///< again to end by SIGTERM
    std::size_t max_processes = 0; ///< at once; 0: as many as models
    std::uint64_t max_bytes = 0;   ///< of address space each (RLIMIT_AS); 0: no limit
    bool sandbox = true;           ///< with local paths, where bubblewrap is installed
    bool network = false;          ///< within the sandbox

    friend bool operator==(const worker_settings&, const worker_settings&) = default;
};

/// By kind.
using worker_kinds = std::map<std::string, worker_settings, std::less<>>;

/// One worker that is there, or one that will not be started for a while.
struct worker_status {
    std::string kind;
    std::string key; ///< of its model
    int pid = 0;     ///< 0: none is there
    std::string_view state;
    std::uint64_t restarts = 0; ///< of workers for this model, before this one
    std::optional<std::uint64_t> device_bytes;
    std::string sandbox; ///< what is in force: "bubblewrap", or why there is none
    std::string trouble; ///< what is wrong with it; "": nothing
};

} // namespace warmd

#pragma once
// The daemon's command line, and the limits of its configuration file: the command line beats the
// file, the file the defaults.

#include "system/log_setup.hpp"

#include "base/config.hpp"
#include "model/config_file.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace warmd {

/// Everything the command line and the configuration file decide; every limit is sound.
struct daemon_options {
    std::string config;                         ///< path of the configuration file; "": none
    config_file file;                           ///< what it says
    server_config server;                       ///< but for the token
    std::optional<std::string> http_token_file; ///< else one is made
    cache_limits cache;
    request_limits request;
    compute_limits compute;
    std::size_t load_threads = 0; ///< that load and close models
    std::size_t run_threads = 0;  ///< that run calls on models
    std::chrono::nanoseconds drain = std::chrono::seconds(10);
    std::vector<std::string>
        roots; ///< models are loaded from beneath these real paths only; empty: from anywhere
    bool core_dumps = false;
    bool enable_dummy = false;
    bool stdio = false; ///< serves one client, on standard input and output
    log_level level = log_level::info;
    log_format format = log_format::text;
};

/// Instead of serving: print `text`, on stderr unless `status` is 0, and exit with `status`.
struct leave {
    int status = 0;
    std::string text;
    std::string mistake; ///< the sentence alone; "" if status is 0
};

/// Reads the configuration file too, if one is named: called again, it tells what that file says by
/// then.
std::variant<daemon_options, leave> read_options(int count, const char* const* arguments);

} // namespace warmd

#include "base/config.hpp"

#include <unistd.h>

#include <cstdlib>

namespace warmd {

namespace {

failure bad(std::string detail) { return failure{errc::invalid_params, std::move(detail)}; }

/// sun_path holds 108 bytes with the closing NUL (unix(7)).
constexpr std::size_t longest_socket_path = 107;

} // namespace

result<void> validate(const cache_limits& limits)
{
    if (limits.max_loaded_models < 1)
        return bad("max_loaded_models is 0: max_size must be >= 1");
    if (limits.max_waiters < 1)
        return bad("max_waiters is 0; it must be >= 1");
    if (limits.load_timeout.count() <= 0 || limits.close_timeout.count() <= 0 ||
        limits.max_wait.count() < 0 || limits.idle_timeout.count() < 0 ||
        limits.min_residency.count() < 0)
        return bad("load and close timeouts must be above 0 seconds, max_wait, idle_timeout and "
                   "min_residency not below 0");
    return {};
}

result<void> validate(const server_config& config)
{
    const std::string& path = config.socket_path;
    if (path.empty() || path.front() != '/')
        return bad("socket path '" + path + "' must be absolute");
    if (path.size() > longest_socket_path)
        return bad("socket path of " + std::to_string(path.size()) +
                   " bytes exceeds the system's limit of " + std::to_string(longest_socket_path) +
                   ": " + path);
    if (config.session.max_frame_bytes < 1024)
        return bad("max_frame_bytes is " + std::to_string(config.session.max_frame_bytes) +
                   "; it must be >= 1024");
    if (config.session.max_in_flight < 1)
        return bad("max_in_flight is 0; it must be >= 1");
    if (config.max_connections < 1)
        return bad("max_connections is 0; it must be >= 1");
    if (config.session.max_in_flight_total < 1)
        return bad("max_in_flight_total is 0; it must be >= 1");
    if (config.session.max_reply_bytes < 1024)
        return bad("max_reply_bytes is " + std::to_string(config.session.max_reply_bytes) +
                   "; it must be >= 1024");
    if (config.session.max_unread_bytes < config.session.max_reply_bytes)
        return bad("max_unread_bytes is " + std::to_string(config.session.max_unread_bytes) +
                   "; it must be at least max_reply_bytes, " +
                   std::to_string(config.session.max_reply_bytes));
    if (config.session.idle_timeout.count() < 0 || config.session.frame_timeout.count() < 0)
        return bad("idle_connection_timeout and frame_timeout must not be below 0 seconds");
    return {};
}

failure reply_too_large(std::size_t max_reply_bytes)
{
    return {errc::too_large,
            "the reply would have more than " + std::to_string(max_reply_bytes) +
                " bytes, which is what max_reply_bytes allows: ask for less at once"};
}

result<void> validate(const request_limits& limits)
{
    if (limits.max_prompts < 1 || limits.max_tokens < 1)
        return bad("max_prompts and max_tokens must be >= 1");
    return {};
}

std::string default_socket_path()
{
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const bool system_wide =
        ::geteuid() == 0 || ((!runtime || !*runtime) && ::access("/run/warmd", W_OK) == 0);
    if (!system_wide && runtime && *runtime)
        return std::string(runtime) + "/warmd/warmd.sock";
    return "/run/warmd/warmd.sock";
}

} // namespace warmd

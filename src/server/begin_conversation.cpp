#include "server/begin_conversation.hpp"

#include "http/http_conversation.hpp"
#include "wire/rpc_conversation.hpp"

#include <string_view>

namespace warmd {

std::unique_ptr<conversation> begin_conversation(char first, carrier& by, const dispatcher& methods,
                                                 const session_limits& limits, const logger& log,
                                                 const http_guard* guard)
{
    constexpr std::string_view of_http = "GHPOD";
    if (guard || of_http.find(first) != of_http.npos)
        return std::make_unique<http_conversation>(by, methods, limits, log, guard);
    return std::make_unique<rpc_conversation>(by, methods, limits, log);
}

} // namespace warmd

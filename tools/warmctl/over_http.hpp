#pragma once
// What programs that speak HTTP over TCP need besides a daemon: its token, a page's address, and a
// way to a daemon that listens on no TCP address.

#include "warmctl/arguments.hpp"
#include "warmctl/commands.hpp"

#include <warmd/error.hpp>

#include <string>
#include <vector>

namespace warmd::ctl {

/// token, ui, proxy.
std::vector<command> commands_over_http();

/// Listens on a loopback address and carries the requests that have the token to the daemon's
/// socket, as nobody's (http_conversation.hpp), and its responses back. Ends with a failure only.
/// A client's end is a hang-up. Throws usage_error.
result<void> proxy(const arguments& typed, const std::string& socket);

} // namespace warmd::ctl

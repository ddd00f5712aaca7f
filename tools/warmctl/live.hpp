#pragma once
// Commands that go on after their first answer, until the user or the daemon ends them.

#include "warmctl/arguments.hpp"
#include "warmctl/commands.hpp"

#include <warmd/client.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace warmd::ctl {

/// Prints each event as it comes, on one line. Only returns why it could not go on.
result<bool> watch(client& daemon, const arguments& typed, const request& subscribe);

/// How often top looks, and how many times.
struct pace {
    std::chrono::duration<double> interval;
    std::optional<std::uint64_t> count; ///< empty: until it is ended
};
/// Throws usage_error.
pace read_pace(const arguments& typed);

/// Prints the daemon and its models at its pace: over the last ones on a terminal, else below.
result<bool> top(client& daemon, const arguments& typed, const request& models);

} // namespace warmd::ctl

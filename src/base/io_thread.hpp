#pragma once
// What one io_context, run by one thread, gives: sockets, timers and descriptors that know it by
// name. The server, the connections and all that is said on them live there (invariant 1).
//
// The cache, its clock (time_source.hpp) and handoff.hpp take any serial executor instead: who
// embeds the cache awaits it from a strand of a pool of his own, and workers answer from theirs.

#include "base/asio.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <chrono>

namespace warmd {

using io_executor = asio::io_context::executor_type;
using io_descriptor = asio::posix::basic_stream_descriptor<io_executor>;
using io_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, io_executor>;

} // namespace warmd

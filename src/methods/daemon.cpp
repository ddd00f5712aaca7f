// What acts on the daemon itself: for its own user and root.

#include "base/handoff.hpp"
#include "methods/handlers.hpp"
#include "methods/replies.hpp"

#include <boost/asio/this_coro.hpp>

namespace warmd {

namespace {

answer reload(surroundings in, nothing, peer from)
{
    if (auto why = refusal_of_strangers("reload", from))
        co_return *why;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto reply = handoff<result<model_changes>>::make(executor);
    in.daemon->reload([reply](result<model_changes> done) { reply->deliver(std::move(done)); });
    const auto done = co_await reply->take();
    if (!done)
        co_return done.error();
    co_return replies::reloaded(*done);
}

answer shut_down(surroundings in, shutdown_request asked, peer from)
{
    if (auto why = refusal_of_strangers("shutdown", from))
        co_return *why;
    in.daemon->shut_down(asked.drain_seconds);
    co_return "{}";
}

} // namespace

void add_daemon(method_adder& to)
{
    to.add("reload", read_request<nothing>, reload);
    to.add("shutdown", read_request<shutdown_request>, shut_down);
}

} // namespace warmd

#pragma once
// How anything from another executor or thread comes back to a coroutine: the one such primitive
// here.

#include "base/asio.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace warmd {

/// Delivers one T, once, from any thread, to one coroutine on its own executor. T: movable.
/// The executor must be serial: a strand, or an io_context run by one thread (invariant 1).
template <class T>
class handoff : public std::enable_shared_from_this<handoff<T>> {
    struct only_make {};

public:
    static std::shared_ptr<handoff> make(asio::any_io_executor consumer)
    {
        return std::make_shared<handoff>(only_make{}, std::move(consumer));
    }
    handoff(only_make, asio::any_io_executor consumer)
        : bell_(std::move(consumer), asio::steady_timer::time_point::max())
    {
    }

    /// Any thread; the first value wins, later ones are dropped. Never resumes the coroutine before
    /// it returns (invariant 13).
    void deliver(T value)
    {
        // The executor is never assigned to after construction, so reading it is safe on any
        // thread.
        asio::dispatch(bell_.get_executor(),
                       [self = this->shared_from_this(), arrived = std::move(value)]() mutable {
                           if (self->value_)
                               return;
                           self->value_.emplace(std::move(arrived));
                           self->bell_.cancel();
                       });
    }

    /// Waits for the value; does not suspend if it is there. Throws operation_aborted if cancelled
    /// (terminal) first; a value that is there by then wins, and a value nobody takes dies with the
    /// handoff. REQUIRES: awaited on the consumer's executor, by a caller that holds on to this
    /// handoff, and at most once.
    asio::awaitable<T> take()
    {
        // A timer can ring without news and news can come without a ring: only value_ tells.
        error_code rung;
        if (!value_)
            co_await bell_.async_wait(asio::redirect_error(asio::use_awaitable, rung));
        if (!value_)
            throw boost::system::system_error(asio::error::operation_aborted);
        co_return std::move(*value_);
    }

private:
    asio::steady_timer bell_;
    std::optional<T> value_;
};

} // namespace warmd

#include "wire/stoppable_request.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

namespace warmd {

namespace {

std::string words_of(const std::exception_ptr& thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& trouble) {
        return trouble.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

} // namespace

result<std::string> stoppable_request::answer_for(const std::exception_ptr& thrown,
                                                  result<std::string> reply,
                                                  bool client_has_gone) const
{
    if (thrown && reason_)
        return *reason_;
    if (thrown && client_has_gone)
        return failure{errc::disconnected, "its client has gone"};
    if (thrown)
        return failure{errc::internal_error, "the request was aborted: " + words_of(thrown)};
    return reply;
}

std::optional<failure> too_many_under_way(const dispatcher& methods, const session_limits& limits)
{
    const std::uint64_t under_way = methods.counted()->in_flight;
    if (under_way < limits.max_in_flight_total)
        return std::nullopt;
    return failure{.code = errc::busy,
                   .detail = std::to_string(under_way) +
                             " requests are under way, as many as max_in_flight_total allows",
                   .retry_after_seconds = 1};
}

void run_request(const io_executor& on, const dispatcher& methods, const rpc::request& what,
                 const std::shared_ptr<stoppable_request>& one, const ended_handler& ended)
{
    ++methods.counted()->in_flight;
    try {
        // On this very executor: the handler starts inline, and its signal is emitted from where it
        // runs.
        asio::co_spawn(on, methods.answer(what, one),
                       asio::bind_cancellation_slot(one->slot(), ended));
    } catch (...) {
        ended(std::current_exception(), {});
    }
}

} // namespace warmd

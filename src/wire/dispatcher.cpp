#include "wire/dispatcher.hpp"

#include <boost/asio/error.hpp>
#include <boost/assert.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace warmd {

void dispatcher::add(std::string name, method how)
{
    BOOST_ASSERT(!find(name));
    request_counts* const counts = &metrics_->requests[name];
    methods_.push_back({std::move(name), std::move(how), counts});
}

const dispatcher::named_method* dispatcher::find(std::string_view name) const noexcept
{
    for (const named_method& each : methods_)
        if (each.name == name)
            return &each;
    return nullptr;
}

request_counts* dispatcher::answer_at_once(const rpc::request& request, std::string& out) const
{
    const named_method* const found = find(request.method);
    if (!found || !found->how.at_once)
        return nullptr;
    const std::size_t before = out.size();
    try {
        if (found->how.at_once(*request.params, out))
            return found->counts;
    } catch (...) { // answer() meets the same trouble and says so
    }
    out.resize(before);
    return nullptr;
}

namespace {

failure bug_in(const std::string& method, std::string_view thrown)
{
    return {errc::internal_error, "method '" + method + "' failed: " + std::string(thrown)};
}

constexpr std::string_view unknown_exception = "an exception of unknown type";

asio::awaitable<result<std::string>> run(std::string method, result<job> what,
                                         std::shared_ptr<request_peer> from)
{
    if (!what)
        co_return what.error();
    std::string thrown(unknown_exception);
    try {
        result<std::string> reply = co_await (*what)(std::move(from));
        co_return reply;
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted)
            throw;
        thrown = error.what();
    } catch (const std::exception& error) {
        thrown = error.what();
    } catch (...) {
    }
    co_return bug_in(method, thrown);
}

} // namespace

result<job> dispatcher::read(const rpc::request& request) const
{
    const std::string called = shortened(request.method);
    const named_method* const found = find(request.method);
    if (!found)
        return failure{errc::method_not_found, "there is no method '" + called + '\''};
    try {
        return found->how.read(*request.params);
    } catch (const std::exception& error) {
        return bug_in(called, error.what());
    } catch (...) {
        return bug_in(called, unknown_exception);
    }
}

asio::awaitable<result<std::string>> dispatcher::answer(const rpc::request& request,
                                                        std::shared_ptr<request_peer> from) const
{
    return run(shortened(request.method), read(request), std::move(from));
}

request_counts& dispatcher::counts_of(std::string_view method) const
{
    const named_method* const found = find(method);
    return found ? *found->counts : metrics_->requests["unknown"];
}

} // namespace warmd

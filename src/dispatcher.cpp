#include <warmd/dispatcher.hpp>

#include <boost/asio/error.hpp>
#include <boost/assert.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace warmd {

void dispatcher::add(std::string name, method how)
{
    [[maybe_unused]] const bool added = methods_.emplace(std::move(name), std::move(how)).second;
    BOOST_ASSERT(added);
}

bool dispatcher::answer_at_once(const rpc::request& request, std::string& out) const
{
    const auto found = methods_.find(request.method);
    if (found == methods_.end() || !found->second.at_once)
        return false;
    const std::size_t before = out.size();
    try {
        if (found->second.at_once(*request.params, out))
            return true;
    } catch (...) { // run() meets the same trouble and says so
    }
    out.resize(before);
    return false;
}

asio::awaitable<result<std::string>> dispatcher::answer(rpc::request request, std::shared_ptr<caller> from) const
{
    const auto found = methods_.find(request.method);
    if (found == methods_.end())
        co_return failure{errc::method_not_found, "there is no method '" + shortened(request.method) + '\''};
    std::string thrown = "an exception of unknown type";
    const std::string called = shortened(request.method);
    try {
        result<std::string> reply = co_await found->second.run(*request.params, std::move(from));
        co_return reply;
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted)
            throw;
        thrown = error.what();
    } catch (const std::exception& error) {
        thrown = error.what();
    } catch (...) {
    }
    co_return failure{errc::internal_error, "method '" + called + "' failed: " + thrown};
}

} // namespace warmd

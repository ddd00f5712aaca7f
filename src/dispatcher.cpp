#include <warmd/dispatcher.hpp>

#include <boost/asio/error.hpp>
#include <boost/assert.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace warmd {

void dispatcher::add(std::string name, method how)
{
    BOOST_ASSERT(!find(name));
    methods_.push_back({std::move(name), std::move(how)});
}

const method* dispatcher::find(std::string_view name) const noexcept
{
    for (const named_method& each : methods_)
        if (each.name == name)
            return &each.how;
    return nullptr;
}

bool dispatcher::answer_at_once(const rpc::request& request, std::string& out) const
{
    const method* const found = find(request.method);
    if (!found || !found->at_once)
        return false;
    const std::size_t before = out.size();
    try {
        if (found->at_once(*request.params, out))
            return true;
    } catch (...) { // run() meets the same trouble and says so
    }
    out.resize(before);
    return false;
}

asio::awaitable<result<std::string>> dispatcher::answer(rpc::request request, std::shared_ptr<caller> from) const
{
    const method* const found = find(request.method);
    if (!found)
        co_return failure{errc::method_not_found, "there is no method '" + shortened(request.method) + '\''};
    std::string thrown = "an exception of unknown type";
    const std::string called = shortened(request.method);
    try {
        result<std::string> reply = co_await found->run(*request.params, std::move(from));
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

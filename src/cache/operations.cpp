#include "cache/operations.hpp"

#include "model/operation_limits.hpp"

#include <algorithm>
#include <utility>

namespace warmd {

namespace {

/// The model's lease, or why there is none; whoever asked is told that it is there.
asio::awaitable<result<backend_lease>> lease_for(backend_cache& on, model_spec model,
                                                 const operation& what, run_options& how)
{
    if (auto why = over_limits(what, how.limits))
        co_return *why;
    auto lease = co_await on.get_or_load(std::move(model), std::move(how.acquire));
    if (lease && how.granted)
        how.granted(lease->what());
    how.call.max_tokens = std::min(how.call.max_tokens, how.limits.max_tokens);
    co_return std::move(lease);
}

} // namespace

asio::awaitable<result<outcome>> run(backend_cache& on, model_spec model, operation what,
                                     run_options how)
{
    auto lease = co_await lease_for(on, std::move(model), what, how);
    if (!lease)
        co_return lease.error();
    result<outcome> made = co_await lease->run(std::move(what), std::move(how.call));
    co_return std::move(made);
}

asio::awaitable<result<std::string>> run(backend_cache& on, model_spec model, operation what,
                                         run_options how, outcome_text write)
{
    auto lease = co_await lease_for(on, std::move(model), what, how);
    if (!lease)
        co_return lease.error();
    result<std::string> made =
        co_await lease->run(std::move(what), std::move(how.call), std::move(write));
    co_return std::move(made);
}

} // namespace warmd

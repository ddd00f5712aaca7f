#pragma once
// From what a client wrote to what is meant, without a system call for every request.

#include <warmd/asio.hpp>
#include <warmd/backend_registry.hpp>
#include <warmd/time_source.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace warmd {

/// Remembers what specs resolve to, asks the loaders on a worker thread when it does not know or its knowledge is older than
/// `recheck`, and lets callers with the same question share one answer. A change of files is therefore noticed by the first
/// request that comes `recheck` after it. Serial by `io` (invariant 1), but for the work it posts to `checks`.
class model_resolver : public std::enable_shared_from_this<model_resolver> {
public:
    using answer = result<std::shared_ptr<const resolved_model>>;

    model_resolver(asio::any_io_executor io, asio::any_io_executor checks, const backend_registry& registry,
                   std::chrono::nanoseconds recheck, std::function<time_point()> now);

    /// What `spec` is, if that is known and fresh; else null.
    std::shared_ptr<const resolved_model> known(const model_spec& spec) const;
    /// Finds out; `told` is called on io, later. Failures are not remembered.
    void resolve(const model_spec& spec, std::function<void(answer)> told);

private:
    struct question {
        std::shared_ptr<const resolved_model> last;
        time_point asked{}; // when the check that gave `last` began
        std::vector<std::function<void(answer)>> waiting; // not empty: a check is under way
    };
    void check(const model_spec& spec, const loader& how);
    void checked(const model_spec& spec, time_point asked, answer found);
    void forget_stale(time_point now);

    asio::any_io_executor io_;
    asio::any_io_executor checks_;
    const backend_registry& registry_;
    std::chrono::nanoseconds recheck_;
    std::function<time_point()> now_;
    std::unordered_map<model_spec, question, model_spec_hash> questions_;
};

} // namespace warmd

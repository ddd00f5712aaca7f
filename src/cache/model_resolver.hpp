#pragma once
// From what a client wrote to what is meant, without a system call for every request.

#include "base/asio.hpp"
#include "base/time_source.hpp"
#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

#include "cache/file_watcher.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace warmd {

/// What a spec was found to mean, and how to tell whether it still does.
struct model_knowledge {
    std::shared_ptr<const resolved_model> model;
    std::unique_ptr<file_watch> watch; ///< of what `model` depends on; null: unwatched
    time_point asked{};                ///< when the check that gave `model` began
};

/// Remembers what specs resolve to, and lets callers with the same question share one answer of the
/// loader, which is asked on a worker thread. What is remembered holds until one of the files
/// behind it changes; where files cannot be watched, for `recheck`, so that a change is noticed by
/// the first request that comes so much later. In either case nothing is ever looked at twice for
/// one change. Serial by `io` (invariant 1), but for the work it posts to `checks`.
class model_resolver : public std::enable_shared_from_this<model_resolver> {
public:
    using answer = result<std::shared_ptr<const resolved_model>>;

    /// `watcher`: null if files are not to be watched. `changed`: called on io when files are found
    /// to be of another generation than before, asked or not. It must not call back.
    model_resolver(asio::any_io_executor io, asio::any_io_executor checks,
                   const backend_registry& registry, std::chrono::nanoseconds recheck,
                   const time_source& time, std::shared_ptr<file_watcher> watcher,
                   std::function<void(const std::shared_ptr<const resolved_model>&)> changed,
                   logger log);

    /// What `spec` is, if that is known and fresh; else null.
    std::shared_ptr<const model_knowledge> known(const model_spec& spec);
    /// True if known() would return this again, for the spec it was found for, and has nothing else
    /// to see to.
    bool holds(const model_knowledge& found, time_point now) const;
    /// Finds out; `told` is called on io, later. Failures are not remembered.
    void resolve(const model_spec& spec, std::function<void(answer)> told);
    /// Watches no more; io is kept busy by checks under way only.
    void stop();

private:
    struct question {
        std::shared_ptr<const model_knowledge> last;
        bool checking = false;
        std::vector<std::function<void(answer)>> waiting;
    };
    /// What a check on a worker thread found.
    struct finding {
        time_point asked{};
        answer found;
        std::unique_ptr<file_watch> watch;
        std::string unwatched; // why there is no watch
    };
    static void look(const loader& how, const model_spec& spec,
                     std::vector<std::filesystem::path> watched, file_watcher* watcher,
                     finding& into);
    void check(const model_spec& spec, question& about);
    void checked(const model_spec& spec, finding what);
    void files_changed();
    void check_changed();
    void forget_old(time_point now);

    asio::any_io_executor io_;
    asio::any_io_executor checks_;
    const backend_registry& registry_;
    std::chrono::nanoseconds recheck_;
    std::function<time_point()> now_;
    std::shared_ptr<file_watcher> watcher_;
    std::function<void(const std::shared_ptr<const resolved_model>&)> changed_;
    logger log_;
    const std::unique_ptr<alarm> alarm_; // rings for check_changed()
    bool listening_ = false, alarm_set_ = false;
    std::unordered_map<model_spec, question, model_spec_hash> questions_;
};

} // namespace warmd

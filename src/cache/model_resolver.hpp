#pragma once
// From what a client wrote to what is meant, without a system call for every request.

#include "base/asio.hpp"
#include "base/time_source.hpp"
#include "cache/look_up.hpp"
#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace warmd {

/// What a spec was found to mean, and how to tell whether it still does.
struct model_knowledge {
    std::shared_ptr<const resolved_model> model;
    std::unique_ptr<file_watch> watch; ///< of what `model` depends on; null: unwatched
    time_point asked{};                ///< when the check that gave `model` began
};

/// How long knowledge of files holds, and how long they are waited for.
struct look_up_limits {
    std::chrono::nanoseconds recheck;  ///< of what cannot be watched
    std::chrono::nanoseconds timeout;  ///< then who waits is told that the file system hangs
    std::chrono::nanoseconds quiet;    ///< so long no file must have changed; 0: no matter
    std::chrono::nanoseconds patience; ///< the longest wait for that
};

/// Remembers what specs resolve to, and lets callers with the same question share one answer of the
/// loader, which is asked on a worker thread. What is remembered holds until one of the files
/// behind it changes; where files cannot be watched, for `recheck`, so that a change is noticed by
/// the first request that comes so much later. In either case nothing is ever looked at twice for
/// one change. Files that somebody is writing are waited for, so that one generation is one save.
///
/// A file system may hang. It gets few of the worker threads at a time, told by its mount point;
/// who waits is answered after a while; and only what lies on it, or waits behind it, suffers.
///
/// Serial by `io` (invariant 1), but for the work it posts to `checks`.
class model_resolver : public std::enable_shared_from_this<model_resolver> {
public:
    using answer = result<std::shared_ptr<const resolved_model>>;
    /// Called on io; must not call back. Each may be empty.
    struct listeners {
        /// Files are found to be of another generation than before, asked or not.
        std::function<void(const std::shared_ptr<const resolved_model>&)> changed;
        std::function<void()> idle; ///< no look-up is under way any more
    };

    /// `watcher`: null if files are not to be watched.
    model_resolver(asio::any_io_executor io, asio::any_io_executor checks,
                   const backend_registry& registry, const look_up_limits& limits,
                   const time_source& time, std::shared_ptr<file_watcher> watcher, listeners tell,
                   logger log);

    /// What `spec` is, if that is known and fresh; else null.
    std::shared_ptr<const model_knowledge> known(const model_spec& spec);
    /// What `spec` was found to be the last time, be it so still or not; null: never.
    std::shared_ptr<const resolved_model> last_known(const model_spec& spec) const;
    /// True if known() would return this again, for the spec it was found for, and has nothing else
    /// to see to.
    bool holds(const model_knowledge& found, time_point now) const;
    /// Finds out; `told` is called on io, later. Failures are not remembered. `waits`: called
    /// before that, perhaps more than once, while its files are being written; may be empty.
    void resolve(const model_spec& spec, std::function<void(answer)> told,
                 std::function<void()> waits = {});
    /// Reads what the watcher has to tell by now, if anything; true if it left something.
    bool look_at_files() { return watcher_ && watcher_->look(); }
    int files_descriptor() const noexcept { return watcher_ ? watcher_->descriptor() : -1; }
    /// Refuses who waits, looks and watches no more; io is kept busy by look-ups under way only.
    void stop();

    bool idle() const noexcept { return in_flight_ == 0; }
    /// The models and adapters whose look-ups have passed their deadline and not come back; once
    /// stopped, of all that are under way.
    std::vector<std::string> overdue() const;

private:
    struct asker {
        std::function<void(answer)> told;
        std::function<void()> waits;
    };
    /// Where a question stands. Queued: its file systems have their share of threads.
    enum class stage { idle, queued, looking, settling, overdue };
    struct question {
        std::shared_ptr<const model_knowledge> last;
        stage now = stage::idle;
        time_point since{};                // idle no more
        std::optional<time_point> due;     // its one place in due_
        std::array<std::string, 2> mounts; // whose threads it takes: base's, adapter's
        bool kept_apart = false;           // overdue, and its threads are no longer counted
        std::vector<asker> waiting;
    };
    using entry = std::unordered_map<model_spec, question, model_spec_hash>::value_type;

    void want(entry& which);
    void begin(entry& which);
    bool may_begin(const question& about) const;
    void take_threads(question& about, int by);
    void look(entry& which);
    void looked(const model_spec& spec, finding what);
    void settle(entry& which, std::chrono::nanoseconds quiet);
    void learn(entry& which, finding what);
    void tell(question& about, const answer& what);
    void pass_deadline(entry& which);
    void set_due(entry& which, std::optional<time_point> at);
    void set_alarm();
    void ring();
    void files_changed();
    void check_changed();
    void forget_old(time_point now);

    const asio::any_io_executor io_;
    const asio::any_io_executor checks_;
    const backend_registry& registry_;
    const look_up_limits limits_;
    const std::function<time_point()> now_;
    std::shared_ptr<file_watcher> watcher_;
    const listeners tell_;
    const logger log_;
    const std::unique_ptr<alarm> alarm_; // rings for due_ and check_at_
    bool listening_ = false, stopped_ = false;
    std::optional<time_point> check_at_; // files have changed: look what about
    std::set<std::pair<time_point, entry*>> due_;
    std::unordered_map<model_spec, question, model_spec_hash> questions_;
    std::list<entry*> queue_;
    std::map<std::string, std::size_t> taken_; // threads, by mount point
    std::size_t in_flight_ = 0, overdue_ = 0, apart_ = 0;
};

} // namespace warmd

#pragma once
// What stands behind backend_cache: the core, what its entries are in truth, and those who wait.

#include "base/handoff.hpp"

#include "cache/backend_cache.hpp"
#include "cache/cache_observer.hpp"
#include "cache/hold.hpp"
#include "cache/model_resolver.hpp"

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <atomic>
#include <deque>
#include <list>
#include <set>
#include <unordered_map>
#include <utility>

namespace warmd {

/// Everything here happens on io_ (invariant 2): backend_cache hops there, workers post back to it.
class cache_shell : public std::enable_shared_from_this<cache_shell> {
public:
    using lease_reply = std::shared_ptr<handoff<result<backend_lease>>>;
    using keys_reply = std::shared_ptr<handoff<result<std::vector<cache_key>>>>;

    cache_shell(asio::any_io_executor io, worker_executors workers,
                const backend_registry& registry, const cache_limits& limits, logger log,
                time_source time, std::shared_ptr<metrics> counted);
    /// Call once, first.
    void start_resolver();

    const asio::any_io_executor& io() const noexcept { return io_; }
    /// Any thread.
    waiter_id next_waiter() { return next_waiter_.fetch_add(1, std::memory_order_relaxed); }
    time_point now() const { return time_.now(); }

    // what backend_cache says of its members holds for these; replies are given on io_
    void ask(waiter_id waiter, lease_reply reply, model_spec spec, acquire_options options);
    void abandon(waiter_id waiter);
    const residency* touch(const model_spec& spec, std::chrono::nanoseconds keep_alive,
                           touch_hint& hint);
    void find_key(const model_spec& spec, std::shared_ptr<handoff<result<cache_key>>> reply);
    void unload(const unload_request& what, keys_reply reply);
    void set_pinned(const cache_key& key, bool pinned,
                    const std::shared_ptr<handoff<result<void>>>& reply);
    void set_limits(const cache_limits& limits);
    void models(std::vector<model_info>& into);
    std::vector<model_info> models_at_work();
    std::shared_ptr<const resolved_model> last_known(const model_spec& spec) const
    {
        return resolver_->last_known(spec);
    }
    cache_stats stats() const;
    bool look_at_files() { return resolver_->look_at_files(); }
    int files_descriptor() const noexcept { return resolver_->files_descriptor(); }
    std::uint64_t listen(event_filter wanted, event_sink sink);
    void listen_no_more(std::uint64_t number);
    void drain(std::chrono::nanoseconds grace, std::shared_ptr<handoff<bool>> reply);
    std::string broken_invariant() const { return core_.broken_invariant(); }

private:
    /// How often a request asks again because its model's files changed while they were being
    /// loaded.
    static constexpr int max_retries = 3;

    struct asked {
        lease_reply reply;
        model_spec spec;
        acquire_options options;
        int retries = 0;
        std::optional<load_progress> reported;
    };
    struct record {
        std::shared_ptr<resident> here;
        std::stop_source stop;
        time_point load_began{}, loaded{}, close_began{};
        std::optional<std::uint64_t> bytes_done, bytes_total;
    };
    struct unloading {
        std::set<entry_id> remaining;
        std::vector<cache_key> keys;
        keys_reply reply;
    };

    // requests
    std::shared_ptr<file_watcher> open_watcher();
    void find_out(waiter_id waiter);
    void acquire(waiter_id waiter, std::shared_ptr<const resolved_model> model);
    void answer(waiter_id waiter, result<backend_lease> told);

    void end_drain();

    // effects
    void apply(effects todo) noexcept;
    void perform(effect::load& what);
    void perform(effect::close& what);
    void perform(effect::grant& what);
    void perform(effect::refuse& what);
    void perform(effect::overdue& what);
    void perform(effect::stop_load& what);
    void perform(effect::gone& what);
    void perform(effect::wake& what);
    void perform(effect::moved& what);
    void perform_or_mend(any_effect& what) noexcept;
    void mend(any_effect& left_undone, const std::string& why);
    std::shared_ptr<hold> make_hold(const effect::grant& what);

    // news from workers
    template <class Function>
    auto back(Function what);
    std::function<void(std::uint64_t, std::uint64_t)> progress_sink(entry_id entry);
    void progressed(entry_id entry, std::uint64_t done, std::uint64_t total);
    void loaded(entry_id entry, result<footprint> bytes);
    void closed(entry_id entry, const std::string& thrown);
    std::function<void(failure)> loss_sink(entry_id entry);
    void lost(entry_id entry, failure why);

    // progress
    void report_progress() noexcept;
    load_progress progress_of(const entry_info& wanted) const;
    static void report(asked& to, const load_progress& now);

    const asio::any_io_executor io_;
    const worker_executors workers_;
    const backend_registry& registry_;
    cache_limits limits_;
    const time_source time_;
    cache_observer observer_;
    cache_core core_;
    std::shared_ptr<model_resolver> resolver_;
    std::unordered_map<waiter_id, asked> asked_; // until answered
    std::set<waiter_id> watching_; // those that wait in the core and want to hear of progress
    std::unordered_map<entry_id, record> residents_; // from effect::load to effect::gone
    std::list<unloading> unloading_;
    effects undone_;                     // closes and wake-ups that there was no memory for
    std::vector<entry_info> entries_;    // memory for models()
    const std::unique_ptr<alarm> alarm_; // rings for core_.tick()
    const std::unique_ptr<alarm> end_of_grace_;
    std::shared_ptr<handoff<bool>> drained_;
    std::atomic<waiter_id> next_waiter_ = 1;
};

/// A function for a worker thread that hands its arguments to `what` on io_, which cannot run dry
/// before.
template <class Function>
auto cache_shell::back(Function what)
{
    auto work = asio::prefer(io_, asio::execution::outstanding_work.tracked);
    return [self = shared_from_this(), work = std::move(work), what](auto news) {
        asio::post(
            work, [self, what, news = std::move(news)]() mutable { what(*self, std::move(news)); });
    };
}

} // namespace warmd

#include "cache/backend_cache.hpp"

#include "base/handoff.hpp"

#include "cache/cache_log.hpp"
#include "cache/event_hub.hpp"
#include "cache/hold.hpp"
#include "cache/lane.hpp"
#include "cache/model_resolver.hpp"
#include "cache/progress_filter.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <cmath>
#include <list>
#include <set>
#include <unordered_map>
#include <utility>

namespace warmd {

/// Everything here happens on io_ (invariant 2): public members hop there, workers post back to it.
class backend_cache::impl : public std::enable_shared_from_this<impl> {
public:
    using lease_reply = handoff<result<backend_lease>>;

    impl(asio::any_io_executor io, worker_executors workers, const backend_registry& registry,
         const cache_limits& limits, logger log, time_source time, std::shared_ptr<metrics> counted)
        : io_(io), workers_(std::move(workers)), registry_(registry), limits_(limits),
          log_(std::move(log)), time_(std::move(time)), metrics_(std::move(counted)), core_(limits),
          alarm_(time_.make_alarm(io)), end_of_grace_(time_.make_alarm(io))
    {
    }

    struct ticket;
    struct listening;

    /// Call once, first.
    void start_resolver()
    {
        const auto renewed =
            [weak = weak_from_this()](const std::shared_ptr<const resolved_model>& model) {
                if (const auto self = weak.lock())
                    self->apply(self->core_.renewed(model, self->time_.now()));
            };
        resolver_ =
            std::make_shared<model_resolver>(io_, workers_.checks, registry_, limits_.recheck,
                                             time_, open_watcher(), renewed, log_.to());
    }

    /// Asks `what` on io_ and waits for its reply on the caller's executor. `what`: void(impl&,
    /// shared_ptr<handoff<T>>).
    template <class T, class Function>
    static asio::awaitable<T> query(std::shared_ptr<impl> cache, Function what)
    {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const std::shared_ptr<handoff<T>> reply = handoff<T>::make(executor);
        start(cache, std::move(what), reply);
        T told = co_await reply->take();
        co_return std::move(told);
    }

    /// How often a request asks again because its model's files changed while they were being
    /// loaded.
    static constexpr int max_retries = 3;

    // -- requests --------------------

    waiter_id next_waiter() { return next_waiter_.fetch_add(1, std::memory_order_relaxed); }

    void enter(waiter_id waiter, std::shared_ptr<lease_reply> reply, model_spec spec,
               acquire_options options)
    {
        asio::dispatch(io_, [self = shared_from_this(), waiter, to = std::move(reply),
                             what = std::move(spec), with = std::move(options)]() mutable {
            self->ask(waiter, std::move(to), std::move(what), std::move(with));
        });
    }

    void ask(waiter_id waiter, std::shared_ptr<lease_reply> reply, model_spec spec,
             acquire_options options)
    {
        asked& made = asked_[waiter];
        made.reply = std::move(reply);
        made.spec = std::move(spec);
        made.options = std::move(options);
        if (const auto found = resolver_->known(made.spec))
            return acquire(waiter, found->model);
        report(made, {.stage = load_progress::stage::queued});
        find_out(waiter);
    }

    const residency* touch(const model_spec& spec, std::chrono::nanoseconds keep_alive,
                           touch_hint& hint)
    {
        const time_point now = time_.now();
        if (hint.known && resolver_->holds(*hint.known, now) &&
            core_.touch(hint.entry, keep_alive, now))
            return hint.found;
        hint = {.known = resolver_->known(spec)};
        const auto entry = hint.known ? core_.ready_for(*hint.known->model) : std::nullopt;
        if (!entry)
            return nullptr;
        hint.entry = *entry;
        hint.found = &residents_.at(*entry).here->what;
        core_.touch(*entry, keep_alive, now);
        return hint.found;
    }

    void find_out(waiter_id waiter)
    {
        resolver_->resolve(asked_.at(waiter).spec, [self = shared_from_this(),
                                                    waiter](const model_resolver::answer& found) {
            if (!self->asked_.contains(waiter))
                return; // it has gone meanwhile
            if (found)
                self->acquire(waiter, *found);
            else
                self->answer(waiter, found.error());
        });
    }

    void abandon(waiter_id waiter)
    {
        if (asked_.erase(waiter) != 0)
            apply(core_.abandon(waiter, time_.now()));
    }

    // -- administration --------------------

    void unload(const unload_request& what,
                std::shared_ptr<handoff<result<std::vector<cache_key>>>> reply)
    {
        std::vector<cache_key> keys = what.keys;
        if (what.all)
            for (const entry_info& each : core_.entries())
                keys.push_back(each.key);
        unloading request{.remaining = {}, .keys = {}, .reply = std::move(reply)};
        bool found = what.all;
        for (const cache_key& key : keys) {
            found = found || core_.find(key).has_value();
            std::vector<entry_id> left;
            effects todo = core_.unload(key, time_.now(), left);
            if (!left.empty() &&
                std::find(request.keys.begin(), request.keys.end(), key) == request.keys.end())
                request.keys.push_back(key);
            request.remaining.insert(left.begin(), left.end());
            apply(std::move(todo));
        }
        if (!found && request.keys.empty())
            request.reply->deliver(
                failure{errc::not_found, "nothing is loaded under " +
                                             (keys.empty() ? "no key" : keys.front().text)});
        else if (request.remaining.empty() || !what.wait)
            request.reply->deliver(std::move(request.keys));
        else
            unloading_.push_back(std::move(request));
    }

    void set_pinned(const cache_key& key, bool pinned,
                    const std::shared_ptr<handoff<result<void>>>& reply)
    {
        bool found = false;
        apply(core_.set_pinned(key, pinned, time_.now(), found));
        reply->deliver(found ? result<void>()
                             : failure{errc::not_found, "nothing is loaded under " + key.text});
    }

    void set_limits(const cache_limits& limits)
    {
        asio::dispatch(io_, [self = shared_from_this(), limits] {
            self->limits_ = limits;
            self->apply(self->core_.set_limits(limits, self->time_.now()));
        });
    }

    void models(std::vector<model_info>& into)
    {
        core_.entries(entries_);
        into.resize(entries_.size());
        for (std::size_t i = 0; i != into.size(); ++i) {
            model_info& row = into[i];
            std::swap(row.entry, entries_[i]); // what it held before is used again next time
            row.model = core_.model_of(row.entry.id);
            const auto found = residents_.find(row.entry.id);
            const resident* const here =
                found == residents_.end() ? nullptr : found->second.here.get();
            row.load_seconds = here ? here->what.load_seconds : 0;
            row.calls = here ? here->calls.load(std::memory_order_relaxed) : 0;
        }
    }
    std::vector<model_info> models()
    {
        std::vector<model_info> rows;
        models(rows);
        return rows;
    }

    cache_stats stats() const { return core_.stats(); }
    time_point now() const { return time_.now(); }
    std::string broken_invariant() const { return core_.broken_invariant(); }

    void find_key(const model_spec& spec, std::shared_ptr<handoff<result<cache_key>>> reply)
    {
        if (const auto found = resolver_->known(spec))
            return reply->deliver(found->model->key);
        resolver_->resolve(spec, [reply](const model_resolver::answer& found) {
            reply->deliver(found ? result<cache_key>((*found)->key)
                                 : result<cache_key>(found.error()));
        });
    }

    void subscribe(event_filter wanted, event_sink sink,
                   const std::shared_ptr<handoff<subscription>>& reply)
    {
        const std::uint64_t number = events_.add(wanted, std::move(sink));
        core_.observe(events_.wants<event::state>());
        reply->deliver(std::make_shared<listening>(weak_from_this(), number));
    }

    void drain(std::chrono::nanoseconds grace, std::shared_ptr<handoff<bool>> reply)
    {
        resolver_->stop();
        drained_ = std::move(reply);
        end_of_grace_->set(time_.now() + grace, [self = shared_from_this()] {
            if (self->drained_)
                std::exchange(self->drained_, {})->deliver(false);
        });
        apply(core_.drain(time_.now()));
    }

private:
    template <class T, class Function>
    static void start(const std::shared_ptr<impl>& cache, Function what,
                      std::shared_ptr<handoff<T>> reply)
    {
        asio::dispatch(cache->io_, [cache, f = std::move(what), to = std::move(reply)]() mutable {
            f(*cache, std::move(to));
        });
    }

    /// Null if every request is to look at the files, or if there is none to be had.
    std::shared_ptr<file_watcher> open_watcher() const
    {
        if (limits_.recheck.count() == 0)
            return nullptr;
        auto opened = file_watcher::open(io_);
        if (!opened)
            log_.not_watching(opened.error());
        return opened ? *opened : nullptr;
    }

    /// A function for a worker thread that hands its arguments to `what` on io_, which cannot run
    /// dry before.
    template <class Function>
    auto back(Function what)
    {
        auto work = asio::prefer(io_, asio::execution::outstanding_work.tracked);
        return [self = shared_from_this(), work = std::move(work), what](auto news) {
            asio::post(work, [self, what, news = std::move(news)]() mutable {
                what(*self, std::move(news));
            });
        };
    }

    struct asked {
        std::shared_ptr<lease_reply> reply;
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
        std::shared_ptr<handoff<result<std::vector<cache_key>>>> reply;
    };

    void acquire(waiter_id waiter, std::shared_ptr<const resolved_model> model)
    {
        asked& by = asked_.at(waiter);
        if (by.options.progress)
            watching_.insert(waiter);
        apply(core_.acquire(waiter,
                            {.model = std::move(model),
                             .pin = by.options.pin,
                             .retry_failed = by.options.retry_failed},
                            time_.now()));
    }

    void answer(waiter_id waiter, result<backend_lease> told)
    {
        watching_.erase(waiter);
        if (const auto found =
                asked_.extract(waiter)) // else it has gone: a lease in `told` goes back by itself
            found.mapped().reply->deliver(std::move(told));
    }

    // -- effects --------------------

    /// Invariant 13: nothing done here re-enters the core before the list is through.
    void apply(effects todo)
    {
        for (any_effect& each : todo)
            std::visit([this](auto& what) { perform(what); }, each);
        if (!watching_.empty())
            report_progress();
        if (drained_ && core_.empty()) {
            alarm_->cancel();
            end_of_grace_->cancel();
            std::exchange(drained_, {})->deliver(true);
        }
    }

    void perform(effect::load& what)
    {
        record& made = residents_[what.entry];
        made.here = std::make_shared<resident>();
        made.here->what.model = core_.model_of(what.entry);
        made.here->where = std::make_shared<lane>(workers_.loads, workers_.runs, metrics_);
        made.load_began = time_.now();
        metrics_->wait_for_room_seconds.add(made.load_began - core_.asked_for_at(what.entry));
        const std::shared_ptr<const resolved_model>& model = made.here->what.model;
        log_.loading(*model);
        made.here->where->load(*registry_.find(model->spec.kind), model,
                               load_context{made.stop.get_token(), progress_sink(what.entry)},
                               back([entry = what.entry](impl& self, result<footprint> bytes) {
                                   self.loaded(entry, std::move(bytes));
                               }));
    }

    void perform(effect::close& what)
    {
        record& closing = residents_.at(what.entry);
        closing.close_began = time_.now();
        metrics_->age_at_eviction_seconds.add(closing.close_began - closing.loaded);
        const cache_key& key = closing.here->what.model->key;
        log_.closing(key, what.why, closing.close_began - closing.loaded,
                     closing.here->calls.load(std::memory_order_relaxed));
        events_.tell<event::evicted>(key, what.why);
        closing.here->where->close(
            back([entry = what.entry](impl& self, const std::string& thrown) {
                self.closed(entry, thrown);
            }));
    }

    void perform(effect::grant& what)
    {
        const auto found = asked_.find(what.waiter);
        const auto keep_alive =
            found == asked_.end() ? std::chrono::nanoseconds(0) : found->second.options.keep_alive;
        // The lease may die on any thread, so it posts (invariant 13); if even that fails, the
        // daemon had better restart.
        auto give_back = [self = shared_from_this(), entry = what.entry, keep_alive]() noexcept {
            asio::post(self->io_, [=] {
                self->apply(self->core_.released(entry, keep_alive, self->time_.now()));
            });
        };
        auto granted = std::make_shared<hold>(residents_.at(what.entry).here, std::move(give_back));
        answer(what.waiter, backend_lease(std::move(granted), what.cached, what.joined));
    }

    void perform(effect::refuse& what)
    {
        const bool files_changed = what.why.code == errc::load_failed && !what.why.cached &&
                                   what.why.retry_after_seconds == 0.0;
        if (const auto found = asked_.find(what.waiter);
            found != asked_.end() && files_changed && found->second.retries++ < max_retries)
            find_out(what.waiter);
        else
            answer(what.waiter, std::move(what.why));
    }

    void perform(effect::overdue& what)
    {
        record& late = residents_.at(what.entry);
        late.stop.request_stop();
        const bool closing = late.close_began != time_point();
        log_.overdue(late.here->what.model->key, closing ? "close" : "load",
                     time_.now() - (closing ? late.close_began : late.load_began));
    }

    void perform(effect::stop_load& what) { residents_.at(what.entry).stop.request_stop(); }

    void perform(effect::gone& what)
    {
        residents_.erase(what.entry);
        unloading_.remove_if([&](unloading& each) {
            if (each.remaining.erase(what.entry) == 0 || !each.remaining.empty())
                return false;
            each.reply->deliver(std::move(each.keys));
            return true;
        });
    }

    void perform(effect::wake& what)
    {
        alarm_->set(what.at, [self = shared_from_this()] {
            self->apply(self->core_.tick(self->time_.now()));
        });
    }

    void perform(effect::moved& what)
    {
        events_.tell<event::state>(what.model->key, what.from, what.to, what.why);
    }

    // -- news from workers --------------------

    std::function<void(std::uint64_t, std::uint64_t)> progress_sink(entry_id entry)
    {
        const auto filter = std::make_shared<progress_filter>();
        return [filter,
                tell = back([entry](impl& self, std::pair<std::uint64_t, std::uint64_t> bytes) {
                    self.progressed(entry, bytes.first, bytes.second);
                })](std::uint64_t done, std::uint64_t total) {
            if (filter->passes(done, total))
                tell(std::pair(done, total));
        };
    }

    void progressed(entry_id entry, std::uint64_t done, std::uint64_t total)
    {
        if (const auto found = residents_.find(entry); found != residents_.end()) {
            found->second.bytes_done = done;
            found->second.bytes_total = total;
            report_progress();
        }
    }

    void loaded(entry_id entry, result<footprint> bytes)
    {
        record& of = residents_.at(entry);
        residency& what = of.here->what;
        of.loaded = time_.now();
        what.load_seconds = std::chrono::duration<double>(of.loaded - of.load_began).count();
        metrics_->load_seconds.add(what.load_seconds);
        if (bytes) {
            what.bytes = *bytes;
            count_estimate(what.model->estimated_bytes, bytes->all);
            log_.loaded(what, limits_.max_loaded_bytes);
        } else {
            bytes = described(bytes.error(), what.model->spec);
            log_.load_failed(what, bytes.error());
            events_.tell<event::load_failed>(what.model->key, bytes.error().detail,
                                             bytes.error().cause);
        }
        apply(core_.loaded(entry, std::move(bytes), time_.now()));
    }

    void count_estimate(std::uint64_t estimated, std::uint64_t measured)
    {
        if (measured != 0)
            metrics_->estimate_error_ratio.add(
                std::abs(static_cast<double>(estimated) / static_cast<double>(measured) - 1));
    }

    void closed(entry_id entry, const std::string& thrown)
    {
        const auto took = time_.now() - residents_.at(entry).close_began;
        const cache_key& key = residents_.at(entry).here->what.model->key;
        metrics_->close_seconds.add(took);
        log_.closed(key, took, thrown);
        if (!thrown.empty()) {
            events_.tell<event::close_failed>(key, thrown);
        }
        apply(core_.closed(entry, time_.now()));
    }

    // -- progress --------------------

    void report_progress()
    {
        for (const waiter_id waiter : watching_)
            if (const auto wanted = core_.awaited_by(waiter))
                report(asked_.at(waiter), progress_of(*wanted));
    }

    load_progress progress_of(const entry_info& wanted) const
    {
        if (wanted.state == entry_state::waiting)
            return {.stage = load_progress::stage::waiting_for_room, .position = wanted.position};
        const auto found = residents_.find(wanted.id);
        if (found == residents_.end())
            return {.stage = load_progress::stage::loading};
        return {.stage = load_progress::stage::loading,
                .bytes_done = found->second.bytes_done,
                .bytes_total = found->second.bytes_total};
    }

    /// Tells only what is new.
    static void report(asked& to, const load_progress& now)
    {
        if (!to.options.progress || to.reported == now)
            return;
        to.reported = now;
        to.options.progress(now);
    }

    const asio::any_io_executor io_;
    const worker_executors workers_;
    const backend_registry& registry_;
    cache_limits limits_;
    const cache_log log_;
    const time_source time_;
    const std::shared_ptr<metrics> metrics_;
    cache_core core_;
    std::shared_ptr<model_resolver> resolver_;
    std::unordered_map<waiter_id, asked> asked_; // until answered
    std::set<waiter_id> watching_; // those that wait in the core and want to hear of progress
    std::unordered_map<entry_id, record> residents_; // from effect::load to effect::gone
    std::list<unloading> unloading_;
    std::vector<entry_info> entries_; // memory for models()
    event_hub events_;
    const std::unique_ptr<alarm> alarm_; // rings for core_.tick()
    const std::unique_ptr<alarm> end_of_grace_;
    std::shared_ptr<handoff<bool>> drained_;
    std::atomic<waiter_id> next_waiter_ = 1;
};

backend_cache::backend_cache(asio::any_io_executor io, worker_executors workers,
                             const backend_registry& registry, cache_limits limits, logger log,
                             time_source time, std::shared_ptr<metrics> counted)
    : impl_(std::make_shared<impl>(std::move(io), std::move(workers), registry, limits,
                                   std::move(log), std::move(time), std::move(counted)))
{
    impl_->start_resolver();
}

backend_cache::~backend_cache() = default;

/// A place in the queue: given up when the coroutine ends without its answer.
struct backend_cache::impl::ticket {
    std::shared_ptr<impl> cache;
    waiter_id waiter;
    bool answered = false;

    ~ticket()
    {
        if (!answered) // posted, never dispatched (invariant 13)
            asio::post(cache->io_, [self = cache, id = waiter] { self->abandon(id); });
    }
};

/// A place among the listeners: given up when the last copy of the subscription goes.
struct backend_cache::impl::listening {
    std::weak_ptr<impl> cache;
    std::uint64_t number;

    listening(std::weak_ptr<impl> to, std::uint64_t as) : cache(std::move(to)), number(as) {}
    listening(const listening&) = delete;
    listening& operator=(const listening&) = delete;
    ~listening()
    {
        if (const auto self = cache.lock()) // posted, never dispatched (invariant 13)
            asio::post(self->io_, [self, number = number] {
                self->events_.remove(number);
                self->core_.observe(self->events_.wants<event::state>());
            });
    }
};

asio::awaitable<result<backend_lease>> backend_cache::get_or_load(model_spec spec,
                                                                  acquire_options options)
{
    const std::shared_ptr<impl> cache = impl_;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const std::shared_ptr<impl::lease_reply> reply = impl::lease_reply::make(executor);
    impl::ticket place{cache, cache->next_waiter()};
    cache->enter(place.waiter, reply, std::move(spec), std::move(options));
    result<backend_lease> told = co_await reply->take();
    place.answered = true;
    co_return std::move(told);
}

const residency* backend_cache::touch(const model_spec& spec, std::chrono::nanoseconds keep_alive,
                                      touch_hint& hint)
{
    return impl_->touch(spec, keep_alive, hint);
}

asio::awaitable<result<cache_key>> backend_cache::find_key(model_spec spec)
{
    return impl::query<result<cache_key>>(
        impl_, [spec = std::move(spec)](impl& self, auto reply) { self.find_key(spec, reply); });
}

asio::awaitable<result<std::vector<cache_key>>> backend_cache::unload(unload_request what)
{
    return impl::query<result<std::vector<cache_key>>>(
        impl_,
        [what = std::move(what)](impl& self, auto reply) { self.unload(what, std::move(reply)); });
}

asio::awaitable<result<void>> backend_cache::set_pinned(cache_key key, bool pinned)
{
    return impl::query<result<void>>(impl_,
                                     [key = std::move(key), pinned](impl& self, const auto& reply) {
                                         self.set_pinned(key, pinned, reply);
                                     });
}

void backend_cache::set_limits(const cache_limits& limits) { impl_->set_limits(limits); }

asio::awaitable<std::vector<model_info>> backend_cache::models()
{
    return impl::query<std::vector<model_info>>(
        impl_, [](impl& self, const auto& reply) { reply->deliver(self.models()); });
}

asio::awaitable<cache_stats> backend_cache::stats()
{
    return impl::query<cache_stats>(
        impl_, [](impl& self, const auto& reply) { reply->deliver(self.stats()); });
}

void backend_cache::models_now(std::vector<model_info>& into) const { impl_->models(into); }
cache_stats backend_cache::stats_now() const { return impl_->stats(); }

asio::awaitable<subscription> backend_cache::subscribe(event_filter wanted, event_sink sink)
{
    return impl::query<subscription>(
        impl_, [wanted, sink = std::move(sink)](impl& self, const auto& reply) mutable {
            self.subscribe(wanted, std::move(sink), reply);
        });
}

asio::awaitable<bool> backend_cache::drain(std::chrono::nanoseconds grace)
{
    return impl::query<bool>(
        impl_, [grace](impl& self, auto reply) { self.drain(grace, std::move(reply)); });
}

time_point backend_cache::now() const { return impl_->now(); }

std::string backend_cache::broken_invariant() const { return impl_->broken_invariant(); }

} // namespace warmd

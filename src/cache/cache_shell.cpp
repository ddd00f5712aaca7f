// Requests and administration: what comes to the cache from outside.

#include "cache/cache_shell.hpp"
#include "cache/lane.hpp"

#include <algorithm>

namespace warmd {

cache_shell::cache_shell(asio::any_io_executor io, worker_executors workers,
                         const backend_registry& registry, const cache_limits& limits, logger log,
                         time_source time, std::shared_ptr<metrics> counted)
    : io_(io), workers_(std::move(workers)), registry_(registry), limits_(limits),
      time_(std::move(time)), observer_(std::move(log), std::move(counted)), core_(limits),
      alarm_(time_.make_alarm(io)), end_of_grace_(time_.make_alarm(io))
{
}

void cache_shell::start_resolver()
{
    const auto renewed =
        [weak = weak_from_this()](const std::shared_ptr<const resolved_model>& model) {
            if (const auto self = weak.lock())
                self->apply(self->core_.renewed(model, self->time_.now()));
        };
    const auto idle = [weak = weak_from_this()] {
        if (const auto self = weak.lock())
            self->end_drain();
    };
    const look_up_limits limits{.recheck = limits_.recheck,
                                .timeout = std::min(limits_.look_up_timeout, limits_.load_timeout),
                                .quiet = limits_.quiet_files,
                                .patience = limits_.max_quiet_wait};
    resolver_ = std::make_shared<model_resolver>(
        io_, workers_.checks, registry_, limits, time_, open_watcher(),
        model_resolver::listeners{.changed = renewed, .idle = idle}, observer_.log());
}

/// Null if every request is to look at the files, or if there is none to be had.
std::shared_ptr<file_watcher> cache_shell::open_watcher()
{
    if (limits_.recheck.count() == 0)
        return nullptr;
    auto opened = file_watcher::open(io_);
    if (!opened)
        observer_.not_watching(opened.error());
    return opened ? *opened : nullptr;
}

// -- requests ------------------------------------------------------------

void cache_shell::ask(waiter_id waiter, lease_reply reply, model_spec spec, acquire_options options)
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

const residency* cache_shell::touch(const model_spec& spec, std::chrono::nanoseconds keep_alive,
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

void cache_shell::find_out(waiter_id waiter)
{
    const auto told = [self = shared_from_this(), waiter](const model_resolver::answer& found) {
        if (!self->asked_.contains(waiter))
            return; // it has gone meanwhile
        if (found)
            self->acquire(waiter, *found);
        else
            self->answer(waiter, found.error());
    };
    const auto waits = [self = shared_from_this(), waiter] {
        if (const auto found = self->asked_.find(waiter); found != self->asked_.end())
            report(found->second, {.stage = load_progress::stage::waiting_for_files});
    };
    resolver_->resolve(asked_.at(waiter).spec, told, waits);
}

void cache_shell::abandon(waiter_id waiter)
{
    if (asked_.erase(waiter) != 0)
        apply(core_.abandon(waiter, time_.now()));
}

void cache_shell::acquire(waiter_id waiter, std::shared_ptr<const resolved_model> model)
{
    asked& by = asked_.at(waiter);
    if (by.options.progress)
        watching_.insert(waiter);
    apply(core_.acquire(
        waiter,
        {.model = std::move(model), .pin = by.options.pin, .retry_failed = by.options.retry_failed},
        time_.now()));
}

void cache_shell::answer(waiter_id waiter, result<backend_lease> told)
{
    watching_.erase(waiter);
    if (const auto found =
            asked_.extract(waiter)) // else it has gone: a lease in `told` goes back by itself
        found.mapped().reply->deliver(std::move(told));
}

// -- administration ------------------------------------------------------------

void cache_shell::unload(const unload_request& what, keys_reply reply)
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
            failure{errc::not_found,
                    "nothing is loaded under " + (keys.empty() ? "no key" : keys.front().text)});
    else if (request.remaining.empty() || !what.wait)
        request.reply->deliver(std::move(request.keys));
    else
        unloading_.push_back(std::move(request));
}

void cache_shell::set_pinned(const cache_key& key, bool pinned,
                             const std::shared_ptr<handoff<result<void>>>& reply)
{
    bool found = false;
    apply(core_.set_pinned(key, pinned, time_.now(), found));
    reply->deliver(found ? result<void>()
                         : failure{errc::not_found, "nothing is loaded under " + key.text});
}

void cache_shell::set_limits(const cache_limits& limits)
{
    limits_ = limits;
    apply(core_.set_limits(limits, time_.now()));
}

void cache_shell::models(std::vector<model_info>& into)
{
    core_.entries(entries_);
    into.resize(entries_.size());
    for (std::size_t i = 0; i != into.size(); ++i) {
        model_info& row = into[i];
        std::swap(row.entry, entries_[i]); // what it held before is used again next time
        row.model = core_.model_of(row.entry.id);
        const auto found = residents_.find(row.entry.id);
        const resident* const here = found == residents_.end() ? nullptr : found->second.here.get();
        row.load_seconds = here ? here->what.load_seconds : 0;
        row.calls = here ? here->calls.load(std::memory_order_relaxed) : 0;
        row.doing.reset();
    }
}

/// Asked are those that are loaded and whose close has not begun: both happens here, on io_.
std::vector<model_info> cache_shell::models_at_work()
{
    std::vector<model_info> rows;
    models(rows);
    for (model_info& row : rows)
        if (row.entry.state == entry_state::ready || row.entry.state == entry_state::draining)
            row.doing = residents_.at(row.entry.id).here->where->now();
    return rows;
}

void cache_shell::find_key(const model_spec& spec,
                           std::shared_ptr<handoff<result<cache_key>>> reply)
{
    if (const auto found = resolver_->known(spec))
        return reply->deliver(found->model->key);
    resolver_->resolve(spec, [reply](const model_resolver::answer& found) {
        reply->deliver(found ? result<cache_key>((*found)->key) : result<cache_key>(found.error()));
    });
}

std::uint64_t cache_shell::listen(event_filter wanted, event_sink sink)
{
    const std::uint64_t number = observer_.listeners().add(wanted, std::move(sink));
    core_.observe(observer_.listeners().wants<event::state>());
    return number;
}

void cache_shell::listen_no_more(std::uint64_t number)
{
    observer_.listeners().remove(number);
    core_.observe(observer_.listeners().wants<event::state>());
}

/// Look-ups under way must have come back, too: the io thread cannot end before.
void cache_shell::drain(std::chrono::nanoseconds grace, std::shared_ptr<handoff<bool>> reply)
{
    drained_ = std::move(reply);
    end_of_grace_->set(time_.now() + grace, [self = shared_from_this()] {
        if (self->drained_)
            std::exchange(self->drained_, {})->deliver(false);
    });
    resolver_->stop();
    apply(core_.drain(time_.now()));
}

void cache_shell::end_drain()
{
    if (!drained_ || !core_.empty() || !resolver_->idle())
        return;
    alarm_->cancel();
    end_of_grace_->cancel();
    std::exchange(drained_, {})->deliver(true);
}

cache_stats cache_shell::stats() const
{
    cache_stats all = core_.stats();
    all.overdue_look_ups = resolver_->overdue();
    return all;
}

} // namespace warmd

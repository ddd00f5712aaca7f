#include "cache/cache_core.hpp"

#include "base/text.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <utility>

namespace warmd {

using std::chrono::nanoseconds;

cache_core::cache_core(const cache_limits& limits) : limits_(limits), budget_(limits) {}

// -- requests ------------------------------------------------------------

// 1  The key's own instance, if it is of this generation (answering() retires one of another):
//    1a ready                                             -> grant: a hit
//    1b waiting or loading                                -> join it
//    1c loading, past its deadline                        -> refuse: timeout
//    1d failed, in its back-off, and no explicit load     -> refuse: the remembered failure
//    1e failed otherwise                                  -> as 2, the back-off grows from where it
//    was
// 2  None, and this could never be served:
//    draining, a close of the same files past its deadline, larger than the limit, no room beside
//    what is pinned, too many waiting                                     -> refuse
// 3  Else                                                 -> a new entry at the end of the line,
// which pump() serves
effects cache_core::acquire(waiter_id waiter, acquire_request request, time_point now)
{
    BOOST_ASSERT(!waiters_.contains(waiter));
    entry* found = answering(request, now);
    if (auto why = reason_to_refuse(request, found, now)) {
        refuse(waiter, std::move(*why));
        return take_effects();
    }
    unsigned failures = 0;
    if (found && found->state == entry_state::failed) {
        failures = found->failures;
        forget(found->id, "retried");
        found = nullptr;
    }
    if (found && request.pin)
        pin(*found, true);
    if (found && found->state == entry_state::ready) {
        ++counted_.hits;
        grant(*found, waiter, true, false);
    } else if (found) {
        ++counted_.joins;
        join(*found, waiter, true, now);
    } else {
        ++counted_.misses;
        join(make_entry(request, failures, now), waiter, false, now);
        pump(now);
    }
    return take_effects();
}

std::optional<entry_id> cache_core::ready_for(const resolved_model& model) const
{
    const auto found = index_.find(model.key);
    if (found == index_.end() || draining_)
        return {};
    const entry& current = entries_.at(found->second);
    return current.state == entry_state::ready && current.model->files == model.files
               ? std::optional(current.id)
               : std::nullopt;
}

bool cache_core::touch(entry_id id, nanoseconds keep_alive, time_point now)
{
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.state != entry_state::ready ||
        found->second.doomed)
        return false;
    entry& which = found->second;
    ++counted_.hits;
    which.used = ++turn_;
    which.since = now;
    which.expires = std::max(which.expires, now + keep_alive);
    if (which.in_lru) // its deadline stays as it is: expire() sees that it was used since
        lru_.splice(lru_.end(), lru_, *which.in_lru);
    return true;
}

/// The instance that answers for the request's key. One of another generation is retired: what
/// loads or is resident serves those who asked before (it leaves the index), what only waits is
/// brought up to date, a failure is forgotten. The successor of a pinned one is pinned.
cache_core::entry* cache_core::answering(acquire_request& request, time_point now)
{
    const auto found = index_.find(request.model->key);
    if (found == index_.end())
        return nullptr;
    entry& current = entries_.at(found->second);
    if (current.model->files == request.model->files)
        return &current;
    switch (current.state) {
    case entry_state::waiting: current.model = request.model; return &current;
    case entry_state::failed: forget(current.id, name(evict_reason::stale)); return nullptr;
    default:
        request.pin = request.pin || current.pinned;
        doom(current, evict_reason::stale, now);
        return nullptr;
    }
}

std::optional<failure> cache_core::reason_to_refuse(const acquire_request& request,
                                                    const entry* found, time_point now) const
{
    if (draining_)
        return failure{errc::shutting_down, "the daemon is shutting down"};
    if (found && found->state == entry_state::ready)
        return {};
    if (found && found->overdue)
        return failure{errc::timeout, "the load of " + request.model->key.text +
                                          " has passed the load timeout of " +
                                          seconds_text(limits_.load_timeout) +
                                          " and has not come back"};
    if (found && found->state == entry_state::failed && !request.retry_failed &&
        now < found->expires) {
        failure again = *found->why_failed;
        again.cached = true;
        again.retry_after_seconds = in_seconds(found->expires - now);
        return again;
    }
    const bool joins = found && found->state != entry_state::failed;
    if (!joins) {
        if (const entry* old = blocker(request.model->key, request.model->files);
            old && old->overdue)
            return failure{errc::timeout,
                           "the close of an earlier instance of " + request.model->key.text +
                               " has passed the close timeout of " +
                               seconds_text(limits_.close_timeout) + " and has not come back"};
        if (auto why = too_large(*request.model))
            return why;
        if (never_fits_beside_pins(*request.model))
            return failure{errc::all_pinned, "no room for " + request.model->key.text +
                                                 ": everything else is pinned"};
    }
    if (waiters_.size() >= limits_.max_waiters)
        return failure{.code = errc::busy,
                       .detail = std::to_string(waiters_.size()) +
                                 " requests are waiting for a model already; max_waiters is " +
                                 std::to_string(limits_.max_waiters),
                       .retry_after_seconds = 1.0};
    return {};
}

cache_core::entry& cache_core::make_entry(const acquire_request& request, unsigned failures,
                                          time_point now)
{
    const entry_id id = next_id_++;
    entry& made = entries_[id];
    made.id = id;
    made.model = request.model;
    pin(made, request.pin);
    made.failures = failures;
    made.used = ++turn_;
    made.since = now;
    made.in_line = line_.insert(line_.end(), id);
    index_[request.model->key] = id;
    set_deadline(made, now + limits_.max_wait);
    tell(made, {}, entry_state::waiting, "requested");
    return made;
}

void cache_core::join(entry& to, waiter_id waiter, bool joined, time_point now)
{
    const auto place = to.waiters.insert(to.waiters.end(), waiter);
    waiters_.emplace(waiter, waiting_caller{to.id, place, now, joined});
    since_.emplace(now, waiter);
}

void cache_core::grant(entry& from, waiter_id waiter, bool cached, bool joined)
{
    rouse(from);
    ++from.leases; // invariant 6: off lru_ from here to the last release
    ++counted_.leases;
    from.used = ++turn_;
    out_.push_back(effect::grant{waiter, from.id, cached, joined});
}

void cache_core::refuse(waiter_id waiter, failure why)
{
    ++counted_.refusals;
    out_.push_back(effect::refuse{waiter, std::move(why)});
}

/// Takes every waiter off `of`: invariant 5, none can be answered twice.
std::list<waiter_id> cache_core::take_waiters(entry& of)
{
    for (const waiter_id waiter : of.waiters)
        since_.erase({waiters_.at(waiter).since, waiter});
    return std::exchange(of.waiters, {});
}

void cache_core::refuse_all(entry& of, const failure& why)
{
    for (const waiter_id waiter : take_waiters(of)) {
        waiters_.erase(waiter);
        refuse(waiter, why);
    }
}

effects cache_core::abandon(waiter_id waiter, time_point now)
{
    const auto found = waiters_.find(waiter);
    if (found == waiters_.end())
        return take_effects(); // answered already: its lease comes back by released()
    ++counted_.abandons;
    entry& of = entries_.at(found->second.entry);
    of.waiters.erase(found->second.place);
    since_.erase({found->second.since, waiter});
    waiters_.erase(found);
    if (of.state == entry_state::waiting && of.waiters.empty()) { // nothing is loaded for nobody
        forget(of.id, "abandoned");
        pump(now);
    }
    return take_effects();
}

// -- what comes back from the workers ---------------------------------------

void cache_core::start_load(entry& which, time_point now)
{
    line_.erase(*which.in_line);
    which.in_line.reset();
    become(which, entry_state::loading, "admitted");
    which.charge = budget_.charge(*which.model);
    ++counted_.loads;
    set_deadline(which, now + limits_.load_timeout);
    out_.push_back(effect::load{which.id});
}

effects cache_core::loaded(entry_id id, result<footprint> bytes, time_point now)
{
    entry& which = entries_.at(id);
    BOOST_ASSERT(which.state == entry_state::loading);
    set_deadline(which, {});
    const bool late = std::exchange(which.overdue, false);
    if (!bytes) {
        fail(which, late ? load_timeout_of(which, bytes.error()) : bytes.error(), now);
    } else {
        become(which, entry_state::ready, "loaded");
        which.bytes = *bytes;
        which.since = which.loaded = now;
        budget_.change(*which.model, which.charge, *bytes);
        which.charge = *bytes;
        if (which.why_failed) {
            lose(which, *std::exchange(which.why_failed, {}), now);
        } else {
            for (const waiter_id waiter : take_waiters(which)) {
                const bool joined = waiters_.extract(waiter).mapped().joined;
                grant(which, waiter, false, joined);
            }
            if (which.leases == 0)
                rest(which, now);
        }
    }
    pump(now);
    return take_effects();
}

/// What an overdue load ended with: it was asked to stop, and its own word for that would tell
/// those who ask later of a fault that its files do not have.
failure cache_core::load_timeout_of(const entry& which, const failure& ended_with) const
{
    return {.code = errc::timeout,
            .detail = "the load of " + which.model->key.text +
                      " was stopped: it had passed the load timeout of " +
                      seconds_text(limits_.load_timeout),
            .cause = ended_with.detail};
}

/// Keeps only the failure, until its back-off ends and a while longer, so that the next one
/// doubles.
void cache_core::fail(entry& which, failure why, time_point now)
{
    ++counted_.load_failures;
    drop_charge(which);
    refuse_all(which, why);
    if (which.doomed || draining_) {
        forget(which.id, "load_failed");
        return;
    }
    become(which, entry_state::failed, "load_failed");
    pin(which, false);
    keep_failure(which, std::move(why), now);
}

/// REQUIRES: it is failed, and holds nothing.
void cache_core::keep_failure(entry& which, failure why, time_point now)
{
    nanoseconds back_off = limits_.back_off_first;
    for (unsigned i = 0; i != which.failures && back_off < limits_.back_off_last; ++i)
        back_off *= 2;
    back_off = std::min(back_off, limits_.back_off_last);
    ++which.failures;
    which.why_failed = std::move(why);
    which.expires = now + back_off;
    set_deadline(which, which.expires + limits_.back_off_last);
}

effects cache_core::lost(entry_id id, failure why, time_point now)
{
    const auto found = entries_.find(id);
    if (found == entries_.end())
        return take_effects();
    entry& which = found->second;
    if (which.state == entry_state::loading)
        which.why_failed = std::move(why); // loaded() is still to come
    else if (which.state == entry_state::ready)
        lose(which, std::move(why), now);
    pump(now);
    return take_effects();
}

/// REQUIRES: ready. Who still waits for it is told; if it was not to go anyway and did not live for
/// long, a failure takes its place in the index.
void cache_core::lose(entry& which, failure why, time_point now)
{
    refuse_all(which, why);
    if (which.doomed)
        return which.leases == 0 ? close(which, *which.doomed, now) : void();
    doom(which, evict_reason::lost, now);
    if (draining_ || now - which.loaded >= limits_.back_off_last)
        return;
    const entry_id id = next_id_++;
    entry& left = entries_[id];
    left.id = id;
    left.model = which.model;
    left.state = entry_state::failed;
    left.failures = which.failures;
    left.used = ++turn_;
    index_[left.model->key] = id;
    tell(left, {}, entry_state::failed, name(evict_reason::lost));
    keep_failure(left, std::move(why), now);
}

effects cache_core::released(entry_id id, nanoseconds keep_alive, time_point now)
{
    entry& which = entries_.at(id);
    BOOST_ASSERT(which.leases > 0);
    --which.leases;
    --counted_.leases;
    which.used = ++turn_;
    which.since = now;
    which.expires = std::max(which.expires, now + keep_alive); // only ever lengthens
    if (which.leases == 0) {
        rest(which, now);
        pump(now);
    }
    return take_effects();
}

effects cache_core::closed(entry_id id, time_point now)
{
    entry& which = entries_.at(id);
    BOOST_ASSERT(which.state == entry_state::closing);
    ++counted_.closes;
    drop_charge(which);
    forget(id, "closed");
    pump(now);
    return take_effects();
}

} // namespace warmd

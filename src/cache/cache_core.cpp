#include "cache/cache_core.hpp"

#include "base/text.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <utility>

namespace warmd {

using std::chrono::nanoseconds;

cache_core::cache_core(const cache_limits& limits) : limits_(limits) {}

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
    ++charged_models_;
    footprint estimate{which.model->estimated_bytes, which.model->shared_bytes};
    if (const std::string& name = which.model->shared_weights; !name.empty()) {
        shared_weights& shared = shared_[name];
        if (shared.users++ != 0) // there already, and perhaps measured
            estimate = {estimate.all - estimate.shared + shared.bytes, shared.bytes};
    }
    set_charge(which, estimate);
    ++counted_.loads;
    set_deadline(which, now + limits_.load_timeout);
    out_.push_back(effect::load{which.id});
}

effects cache_core::loaded(entry_id id, result<footprint> bytes, time_point now)
{
    entry& which = entries_.at(id);
    BOOST_ASSERT(which.state == entry_state::loading);
    set_deadline(which, {});
    which.overdue = false;
    if (!bytes) {
        fail(which, bytes.error(), now);
    } else {
        become(which, entry_state::ready, "loaded");
        which.failures = 0;
        which.bytes = *bytes;
        which.since = which.loaded = now;
        set_charge(which, *bytes);
        for (const waiter_id waiter : take_waiters(which)) {
            const bool joined = waiters_.extract(waiter).mapped().joined;
            grant(which, waiter, false, joined);
        }
        if (which.leases == 0)
            rest(which, now);
    }
    pump(now);
    return take_effects();
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
    nanoseconds back_off = limits_.back_off_first;
    for (unsigned i = 0; i != which.failures && back_off < limits_.back_off_last; ++i)
        back_off *= 2;
    back_off = std::min(back_off, limits_.back_off_last);
    ++which.failures;
    become(which, entry_state::failed, "load_failed");
    pin(which, false);
    which.why_failed = std::move(why);
    which.expires = now + back_off;
    set_deadline(which, which.expires + limits_.back_off_last);
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

// -- an entry's way out -----------------------------------------------------

/// No lease is out: onto the LRU list, or on its way out.
void cache_core::rest(entry& which, time_point now)
{
    if (which.doomed)
        return close(which, *which.doomed, now);
    if (which.pinned || which.in_lru)
        return;
    auto place = lru_.end(); // unpinning may bring back an old one; else this loop ends at once
    while (place != lru_.begin() && entries_.at(*std::prev(place)).used > which.used)
        --place;
    which.in_lru = lru_.insert(place, which.id);
    set_idle_deadline(which);
}

/// When it goes unless it is used again. REQUIRES: idle, on the LRU list.
std::optional<time_point> cache_core::idle_expiry(const entry& which) const
{
    return limits_.idle_timeout.count() > 0
               ? std::optional(std::max(which.expires, which.since + limits_.idle_timeout))
               : std::nullopt;
}

/// REQUIRES: idle, on the LRU list.
void cache_core::set_idle_deadline(entry& which) { set_deadline(which, idle_expiry(which)); }

/// In use again, or pinned, or leaving: off the LRU list, and no idle expiry.
void cache_core::rouse(entry& which)
{
    if (!which.in_lru)
        return;
    lru_.erase(*which.in_lru);
    which.in_lru.reset();
    set_deadline(which, {});
}

/// No new leases; closes when the last one is back. REQUIRES: loading or ready.
void cache_core::doom(entry& which, evict_reason why, time_point now)
{
    leave_index(which);
    pin(which, false);
    if (which.state == entry_state::ready && which.leases == 0)
        return close(which, why, now);
    const entry_state before = shown(which);
    which.doomed = why;
    if (shown(which) != before)
        tell(which, before, shown(which), name(why));
}

void cache_core::close(entry& which, evict_reason why, time_point now)
{
    BOOST_ASSERT(which.state == entry_state::ready && which.leases == 0); // invariant 6
    rouse(which);
    leave_index(which);
    become(which, entry_state::closing, name(why)); // invariant 9: no way leads back from here
    ++counted_.evictions[static_cast<std::size_t>(why)];
    set_deadline(which, now + limits_.close_timeout);
    out_.push_back(effect::close{which.id, why});
}

void cache_core::leave_index(entry& which)
{
    const auto found = index_.find(which.model->key);
    if (found == index_.end() || found->second != which.id)
        return;
    index_.erase(found);
    departing_.emplace(which.model->key, which.id);
}

void cache_core::pin(entry& which, bool pinned)
{
    which.pinned = pinned;
    if (pinned) {
        pinned_.insert(which.id);
        rouse(which); // invariant 6
    } else {
        pinned_.erase(which.id);
    }
}

void cache_core::become(entry& which, entry_state next, std::string_view why)
{
    const entry_state before = shown(which);
    which.state = next;
    tell(which, before, shown(which), why);
}

void cache_core::tell(const entry& which, std::optional<entry_state> from,
                      std::optional<entry_state> to, std::string_view why)
{
    if (observed_)
        out_.push_back(effect::moved{which.id, which.model, from, to, why});
}

/// REQUIRES: it occupies nothing and nobody waits for it.
void cache_core::forget(entry_id id, std::string_view why)
{
    entry& which = entries_.at(id);
    tell(which, shown(which), {}, why);
    pin(which, false);
    set_deadline(which, {});
    if (which.in_line)
        line_.erase(*which.in_line);
    leave_index(which);
    const auto [first, last] = departing_.equal_range(which.model->key);
    departing_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == id; }));
    entries_.erase(id);
    out_.push_back(effect::gone{id});
}

effects cache_core::unload(const cache_key& key, time_point now, std::vector<entry_id>& left)
{
    const auto [first, last] = departing_.equal_range(key);
    for (auto each = first; each != last; ++each)
        left.push_back(each->second);
    if (const auto found = index_.find(key); found != index_.end()) {
        entry& current = entries_.at(found->second);
        if (current.state == entry_state::failed) {
            forget(current.id, name(evict_reason::admin));
        } else if (current.state != entry_state::waiting) {
            left.push_back(current.id);
            doom(current, evict_reason::admin, now);
            pump(now);
        }
    }
    return take_effects();
}

effects cache_core::renewed(const std::shared_ptr<const resolved_model>& model, time_point now)
{
    const auto found = index_.find(model->key);
    if (found != index_.end() && !(entries_.at(found->second).pinned &&
                                   entries_.at(found->second).state != entry_state::waiting)) {
        acquire_request nobody{.model = model};
        answering(nobody, now);
        pump(now);
    }
    return take_effects();
}

effects cache_core::set_pinned(const cache_key& key, bool pinned, time_point now, bool& found)
{
    const auto current = index_.find(key);
    found = current != index_.end() && entries_.at(current->second).state != entry_state::failed;
    if (found) {
        entry& which = entries_.at(current->second);
        pin(which, pinned);
        if (!pinned && which.state == entry_state::ready && which.leases == 0)
            rest(which, now);
        pump(now);
    }
    return take_effects();
}

effects cache_core::set_limits(const cache_limits& limits, time_point now)
{
    limits_ = limits;
    for (const entry_id id : lru_)
        set_idle_deadline(entries_.at(id));
    for (auto next = line_.begin(); next != line_.end();) {
        entry& newcomer = entries_.at(*next++);
        set_deadline(newcomer, std::max(now, newcomer.since + limits_.max_wait));
        if (const auto why = too_large(*newcomer.model)) {
            refuse_all(newcomer, *why);
            forget(newcomer.id, "refused");
        }
    }
    pump(now);
    return take_effects();
}

effects cache_core::drain(time_point now)
{
    draining_ = true;
    std::vector<entry_id> all;
    for (const auto& [id, each] : entries_)
        all.push_back(id);
    std::sort(all.begin(), all.end());
    for (const entry_id id : all) {
        entry& which = entries_.at(id);
        refuse_all(which, failure{errc::shutting_down, "the daemon is shutting down"});
        switch (which.state) {
        case entry_state::waiting:
        case entry_state::failed: forget(id, name(evict_reason::shutdown)); break;
        case entry_state::loading: out_.push_back(effect::stop_load{id}); [[fallthrough]];
        case entry_state::ready: doom(which, evict_reason::shutdown, now); break;
        default: break;
        }
    }
    return take_effects();
}

// -- time ------------------------------------------------------------

void cache_core::set_deadline(entry& which, std::optional<time_point> at)
{
    if (which.deadline)
        deadlines_.erase({*which.deadline, which.id});
    which.deadline = at;
    if (at)
        deadlines_.emplace(*at, which.id);
}

effects cache_core::tick(time_point now)
{
    if (woken_ && *woken_ <= now)
        woken_.reset();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        entry& which = entries_.at(deadlines_.begin()->second);
        set_deadline(which, {});
        expire(which, now);
    }
    pump(now);
    return take_effects();
}

/// An entry's deadline has come; what that means depends on its state.
void cache_core::expire(entry& which, time_point now)
{
    switch (which.state) {
    case entry_state::waiting: // the end of a min_residency, or max_wait: pump() looks at the first
                               // in line; later again
        set_deadline(which, now < which.since + limits_.max_wait
                                ? which.since + limits_.max_wait
                                : now + std::max<nanoseconds>(limits_.max_wait,
                                                              std::chrono::milliseconds(1)));
        break;
    case entry_state::loading: pass_deadline(which, limits_.load_timeout, "load"); break;
    case entry_state::closing: pass_deadline(which, limits_.close_timeout, "close"); break;
    case entry_state::failed: forget(which.id, "forgotten"); break;
    default:
        if (idle_expiry(which) > now)
            set_idle_deadline(which);
        else
            close(which, evict_reason::idle, now);
    }
}

/// Those who wait for it are refused; it keeps its charge, because its memory is probably still
/// there.
void cache_core::pass_deadline(entry& which, nanoseconds limit, std::string_view verb)
{
    which.overdue = true;
    ++counted_.overdue_total;
    out_.push_back(effect::overdue{which.id});
    const failure why{errc::timeout, "the " + std::string(verb) + " of " + which.model->key.text +
                                         " has passed the " + std::string(verb) + " timeout of " +
                                         seconds_text(limit)};
    refuse_all(which, why);
    const auto current = index_.find(which.model->key);
    if (current == index_.end() || current->second == which.id)
        return;
    entry& heir = entries_.at(current->second);
    if (heir.state == entry_state::waiting && heir.model->files == which.model->files) {
        refuse_all(heir, why);
        forget(heir.id, "refused");
    }
}

effects cache_core::take_effects()
{
    if (!deadlines_.empty() && (!woken_ || deadlines_.begin()->first < *woken_)) {
        woken_ = deadlines_.begin()->first;
        out_.push_back(effect::wake{*woken_});
    }
    return std::exchange(out_, {});
}

} // namespace warmd

// An entry's way out: idle, doomed, closing, forgotten; and what brings it there: administrators,
// the end, and time.

#include "cache/cache_core.hpp"

#include "base/text.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <utility>

namespace warmd {

using std::chrono::nanoseconds;

/// What it took of the limits is free again.
void cache_core::drop_charge(entry& which)
{
    budget_.drop(*which.model, which.charge);
    which.charge = {};
}

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
    budget_.set_limits(limits);
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

// Who gets room, and who makes it: the line of those who wait, and the charges against the limits.

#include "cache/cache_core.hpp"

#include <algorithm>
#include <utility>

namespace warmd {

/// What is left once the closes under way that are still expected to end have ended.
budget::what_if cache_core::without_closing() const
{
    budget::what_if room(budget_);
    for (const auto& [key, id] : departing_)
        if (const entry& leaving = entries_.at(id);
            leaving.state == entry_state::closing && !leaving.overdue)
            room.without(*leaving.model, leaving.charge);
    return room;
}

/// Serves the line in order: starts what fits, and for the first that does not fit makes room.
/// Nobody overtakes that one, so a stream of small models cannot starve a large one. Who waits for
/// an older instance of itself to close is passed by.
void cache_core::pump(time_point now)
{
    shed(now);
    for (auto next = line_.begin(); next != line_.end();) {
        entry& newcomer = entries_.at(*next++);
        if (blocker(newcomer.model->key, newcomer.model->files))
            continue; // invariant 4
        if (never_fits_beside_pins(*newcomer.model)) {
            refuse_all(newcomer,
                       failure{errc::all_pinned, "no room for " + newcomer.model->key.text +
                                                     ": everything else is pinned"});
            forget(newcomer.id, "refused");
        } else if (budget::what_if(budget_).admits(*newcomer.model)) {
            start_load(newcomer, now);
        } else {
            make_room(newcomer, now);
            return;
        }
    }
}

/// True if an idle entry is kept although more is there than the limits allow (invariant 7).
bool cache_core::keeps_too_much() const
{
    return !lru_.empty() && !without_closing().within_limits();
}

/// Closes idle entries, least recently used first, while more is there than the limits allow
/// (invariant 7). What is leased or pinned stays; the event that makes it idle comes here again.
void cache_core::shed(time_point now)
{
    if (budget::what_if(budget_).within_limits())
        return;
    budget::what_if room = without_closing();
    while (!room.within_limits() && !lru_.empty()) {
        entry& victim = entries_.at(lru_.front());
        const evict_reason why =
            budget_.models() > budget_.max_models() ? evict_reason::capacity : evict_reason::bytes;
        room.without(*victim.model, victim.charge);
        close(victim, why, now);
    }
}

/// Closes as many idle entries, least recently used first, as the newcomer needs beside what is
/// closing already; none if that would not be enough. Until it has waited max_wait, entries keep
/// their place for min_residency after their load; from then on they do not, and entries in use
/// stop being granted too.
void cache_core::make_room(entry& newcomer, time_point now)
{
    const bool patient = now - newcomer.since < limits_.max_wait;
    budget::what_if room = without_closing();
    std::vector<entry_id> victims;
    for (auto idle = lru_.begin(); idle != lru_.end() && !room.admits(*newcomer.model); ++idle) {
        const entry& candidate = entries_.at(*idle);
        const time_point settled = candidate.loaded + limits_.min_residency;
        if (patient && now < settled) {
            set_deadline(newcomer, std::min(newcomer.deadline.value_or(settled), settled));
            continue;
        }
        victims.push_back(*idle);
        room.without(*candidate.model, candidate.charge);
    }
    if (room.admits(*newcomer.model)) {
        const evict_reason why =
            budget_.models() >= budget_.max_models() ? evict_reason::capacity : evict_reason::bytes;
        for (const entry_id id : victims)
            close(entries_.at(id), why, now);
    } else if (!patient) {
        drain_for(newcomer, std::move(room), now);
    }
}

/// Dooms leased entries, least recently used first, until what they will give back is enough.
void cache_core::drain_for(const entry& newcomer, budget::what_if room, time_point now)
{
    std::vector<entry*> leased;
    for (auto& [id, each] : entries_) {
        if (each.state != entry_state::ready || each.leases == 0)
            continue;
        if (each.doomed)
            room.without(*each.model, each.charge);
        else if (!each.pinned)
            leased.push_back(&each);
    }
    std::sort(leased.begin(), leased.end(),
              [](const entry* a, const entry* b) { return a->used < b->used; });
    for (entry* each : leased) {
        if (room.admits(*newcomer.model))
            return;
        room.without(*each->model, each->charge);
        doom(*each, evict_reason::capacity, now);
    }
}

std::optional<failure> cache_core::too_large(const resolved_model& newcomer) const
{
    if (limits_.max_loaded_bytes == 0 || newcomer.estimated_bytes <= limits_.max_loaded_bytes)
        return {};
    return failure{errc::too_large, newcomer.key.text + " needs an estimated " +
                                        std::to_string(newcomer.estimated_bytes) +
                                        " bytes; max_loaded_bytes is " +
                                        std::to_string(limits_.max_loaded_bytes)};
}

/// True if what is pinned leaves no room for this model, however long one waits.
bool cache_core::never_fits_beside_pins(const resolved_model& newcomer) const
{
    if (pinned_.empty())
        return false;
    std::size_t models = 0;
    std::uint64_t bytes = newcomer.estimated_bytes;
    std::set<std::string_view> shared{newcomer.shared_weights};
    for (const entry_id id : pinned_) {
        const entry& each = entries_.at(id);
        if (each.state == entry_state::waiting)
            continue;
        ++models;
        bytes += each.charge.all -
                 (shared.insert(each.model->shared_weights).second ? 0 : each.charge.shared);
    }
    return models >= limits_.max_loaded_models ||
           (limits_.max_loaded_bytes != 0 && bytes > limits_.max_loaded_bytes);
}

/// An older instance of the same files that still lives (invariant 4), or null.
const cache_core::entry* cache_core::blocker(const cache_key& key, const generation& files) const
{
    const auto [first, last] = departing_.equal_range(key);
    for (auto each = first; each != last; ++each)
        if (const entry& old = entries_.at(each->second); old.model->files == files)
            return &old;
    return nullptr;
}

} // namespace warmd

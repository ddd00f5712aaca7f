// What cache_core shows of itself: it changes nothing, so looking never counts as use.

#include "cache/cache_core.hpp"

#include <algorithm>
#include <utility>

namespace warmd {

std::string_view name(entry_state state) noexcept
{
    static constexpr std::array<std::string_view, 6> names{"waiting",  "loading", "ready",
                                                           "draining", "closing", "failed"};
    return names[static_cast<std::size_t>(state)];
}

std::string_view name(evict_reason why) noexcept
{
    static constexpr std::array<std::string_view, 7> names{"capacity", "bytes",    "idle", "stale",
                                                           "admin",    "shutdown", "lost"};
    return names[static_cast<std::size_t>(why)];
}

entry_state cache_core::shown(const entry& which)
{
    return which.state == entry_state::ready && which.doomed ? entry_state::draining : which.state;
}

void cache_core::describe(const entry& which, entry_info& into) const
{
    const bool idle = which.state == entry_state::ready && which.leases == 0;
    into.id = which.id;
    into.key = which.model->key;
    into.files = which.model->files;
    into.state = shown(which);
    into.bytes = which.bytes;
    into.estimated_bytes = which.model->estimated_bytes;
    into.leases = which.leases;
    into.waiters = which.waiters.size();
    into.pinned = which.pinned;
    into.overdue = which.overdue;
    into.idle_since = idle ? std::optional(which.since) : std::nullopt;
    into.expires_at = which.in_lru ? idle_expiry(which) : std::nullopt;
    into.why_failed = which.state == entry_state::failed ? which.why_failed : std::nullopt;
    into.position.reset();
    if (which.in_line)
        into.position =
            1 + static_cast<std::size_t>(std::distance(
                    line_.begin(), std::list<entry_id>::const_iterator(*which.in_line)));
}

entry_info cache_core::info_of(const entry& which) const
{
    entry_info info;
    describe(which, info);
    return info;
}

void cache_core::entries(std::vector<entry_info>& into) const
{
    for (const auto& [id, each] : entries_)
        by_use_.push_back(&each);
    std::sort(by_use_.begin(), by_use_.end(),
              [](const entry* a, const entry* b) { return a->used < b->used; });
    into.resize(by_use_.size());
    for (std::size_t i = 0; i != by_use_.size(); ++i)
        describe(*by_use_[i], into[i]);
    by_use_.clear();
}

std::vector<entry_info> cache_core::entries() const
{
    std::vector<entry_info> infos;
    entries(infos);
    return infos;
}

std::vector<cache_key> cache_core::ready_keys() const
{
    std::vector<cache_key> keys;
    for (const entry_info& each : entries())
        if (each.state == entry_state::ready)
            keys.push_back(each.key);
    return keys;
}

std::shared_ptr<const resolved_model> cache_core::model_of(entry_id id) const
{
    return entries_.at(id).model;
}

time_point cache_core::asked_for_at(entry_id id) const { return entries_.at(id).since; }

std::optional<entry_info> cache_core::awaited_by(waiter_id waiter) const
{
    const auto found = waiters_.find(waiter);
    return found == waiters_.end() ? std::optional<entry_info>()
                                   : info_of(entries_.at(found->second.entry));
}

std::optional<entry_info> cache_core::find(const cache_key& key) const
{
    const auto found = index_.find(key);
    return found == index_.end() ? std::optional<entry_info>()
                                 : info_of(entries_.at(found->second));
}

cache_stats cache_core::stats() const
{
    cache_stats now = counted_;
    for (const auto& [id, each] : entries_) {
        now.loading += each.state == entry_state::loading;
        now.loaded_models += each.state == entry_state::ready;
        now.closing += each.state == entry_state::closing;
        now.overdue += each.overdue;
    }
    now.waiters = waiters_.size();
    now.charged_bytes = budget_.bytes();
    if (!since_.empty())
        now.oldest_waiter = since_.begin()->first;
    return now;
}

bool cache_core::empty() const { return budget_.models() == 0; }

std::string cache_core::broken_invariant() const
{
    std::size_t models = 0, leases = 0, waiters = 0, resting = 0, in_line = 0;
    std::uint64_t bytes = 0;
    std::unordered_map<std::string, std::uint64_t> shared;
    std::set<std::pair<std::string, std::string>> alive;
    for (const auto& [id, each] : entries_) {
        const std::string who =
            "entry " + std::to_string(id) + " (" + std::string(name(each.state)) + ")";
        const bool occupies =
            each.state != entry_state::waiting && each.state != entry_state::failed;
        const bool rests = each.state == entry_state::ready && each.leases == 0 && !each.pinned;
        if (occupies && !alive.emplace(each.model->key.text, each.model->files.text).second)
            return "4: two live instances of " + each.model->key.text;
        if (!each.waiters.empty() && each.state != entry_state::waiting &&
            each.state != entry_state::loading)
            return "5: " + who + " still has waiters";
        if (each.state == entry_state::waiting && each.waiters.empty())
            return "5: " + who + " waits for nobody";
        if (rests != each.in_lru.has_value() || (rests && each.doomed))
            return "6: " + who +
                   (rests ? " idle but not on the LRU list, or doomed" : " on the LRU list");
        if (each.in_lru && (idle_expiry(each).has_value() != each.deadline.has_value() ||
                            each.deadline > idle_expiry(each)))
            return "6: " + who + " would outstay its idle expiry";
        if (each.leases != 0 && each.state != entry_state::ready)
            return "6: " + who + " is leased";
        if (each.state == entry_state::failed && !each.why_failed)
            return "5: " + who + " has no reason";
        if (!occupies && each.charge != footprint())
            return "7: " + who + " is charged";
        if (each.in_line.has_value() != (each.state == entry_state::waiting))
            return "7: " + who + " and the line disagree";
        const auto answers = index_.find(each.model->key);
        const bool indexed = answers != index_.end() && answers->second == id;
        if (indexed == (each.doomed || each.state == entry_state::closing))
            return "4: " + who + " and the index disagree";
        models += occupies;
        bytes += each.charge.all - each.charge.shared;
        if (occupies && !each.model->shared_weights.empty())
            shared[each.model->shared_weights] = budget_.shared_bytes(each.model->shared_weights);
        leases += each.leases;
        waiters += each.waiters.size();
        resting += rests;
        in_line += each.in_line.has_value();
    }
    for (const auto& [weights, size] : shared)
        bytes += size;
    if (shared.size() != budget_.shared_sets())
        return "7: shared weights are charged that nobody uses";
    if (models != budget_.models() || bytes != budget_.bytes())
        return "7: " + std::to_string(models) + " models of " + std::to_string(bytes) +
               " bytes are there, " + std::to_string(budget_.models()) + " of " +
               std::to_string(budget_.bytes()) + " are charged";
    if (keeps_too_much())
        return "7: an idle entry is kept above the limits";
    if (leases != counted_.leases || waiters != waiters_.size() || waiters != since_.size())
        return "5: leases or waiters are miscounted";
    if (resting != lru_.size() || in_line != line_.size() ||
        index_.size() + departing_.size() != entries_.size())
        return "6: a list holds what does not exist";
    return {};
}

} // namespace warmd

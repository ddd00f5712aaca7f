#pragma once
// Decides what is resident: single-flight, leases, LRU, capacity, fairness, back-off, expiry.
//
// Events in, effects out. Every function is one event and returns what must now be done, in order.
// Does no I/O, holds no clock, never logs, starts no thread, and is not thread-safe: events carry
// the time, the shell (backend_cache) performs the effects and reports back. That is why each rule
// below is a unit test.
//
// One entry's states:
//
//            acquire (miss)      room              loaded           last lease back
//   (none) ------------> waiting ----> loading -----------> leased <------------> idle (on the LRU
//   list)
//                          | nobody left  | failed             | unload, stale, max_wait    |
//                          evicted v              v                    v v
//                        (none)         failed              doomed ---- last lease ----> closing
//                        ---> (none)
//
// What is lost (its process died) leaves like what is doomed, and if it did not live for long, a
// failure stays in its place.
//
// Invariants, quoted by number in the tests:
//   4  At most one live instance per key and generation, from start of load to end of close.
//   5  Each waiter gets exactly one grant or refuse, unless it abandons first.
//   6  Only idle, unpinned entries are on the LRU list, so a leased one cannot be chosen for
//   eviction. 7  The charges of loading, resident, closing and overdue entries never exceed the
//   limits when a load starts;
//      a victim's close ends before the load that needed its room starts. While more is there than
//      the limits allow (a load measured more than its estimate, limits were lowered), no idle
//      entry is kept.
//   8  No event but drain asks a load to stop.
//   9  Each successful load is closed exactly once.

#include "base/config.hpp"
#include "cache/budget.hpp"
#include <warmd/error.hpp>
#include <warmd/model_spec.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace warmd {

using waiter_id = std::uint64_t;
using entry_id = std::uint64_t;
using time_point = std::chrono::steady_clock::time_point;

/// As `models` shows it.
enum class entry_state {
    waiting, ///< wanted, but there is no room yet
    loading,
    ready,
    draining, ///< resident, but closes as soon as the last lease returns
    closing,
    failed, ///< only the failure is kept, until its back-off ends
};
std::string_view name(entry_state) noexcept;

/// Why an entry was closed.
enum class evict_reason { capacity, bytes, idle, stale, admin, shutdown, lost };
std::string_view name(evict_reason) noexcept;

namespace effect {
/// Start loading; its room is reserved.
struct load {
    entry_id entry;
    friend bool operator==(const load&, const load&) = default;
};
/// Start closing. `why`: for people.
struct close {
    entry_id entry;
    evict_reason why;
    friend bool operator==(const close&, const close&) = default;
};
/// The waiter holds a lease, counted already.
struct grant {
    waiter_id waiter;
    entry_id entry;
    bool cached; ///< it was resident when asked for
    bool joined; ///< another waiter's load was shared
    friend bool operator==(const grant&, const grant&) = default;
};
struct refuse {
    waiter_id waiter;
    failure why;
    friend bool operator==(const refuse&, const refuse&) = default;
};
/// Its deadline has passed: ask the load to stop, tell people. It still occupies its charge.
struct overdue {
    entry_id entry;
    friend bool operator==(const overdue&, const overdue&) = default;
};
/// Ask a load under way to stop; it still ends with loaded().
struct stop_load {
    entry_id entry;
    friend bool operator==(const stop_load&, const stop_load&) = default;
};
/// The entry is no more: nothing will be said of it again.
struct gone {
    entry_id entry;
    friend bool operator==(const gone&, const gone&) = default;
};
/// Call tick() at this time. Replaces the wake before it.
struct wake {
    time_point at;
    friend bool operator==(const wake&, const wake&) = default;
};
/// For those who watch: the entry's state, as `models` shows it, is another. Nothing to do; said
/// only while observed.
struct moved {
    entry_id entry;
    std::shared_ptr<const resolved_model> model;
    std::optional<entry_state> from, to; ///< empty: there is no such entry
    std::string_view why;                ///< one word, see cache_core::observe
    friend bool operator==(const moved&, const moved&) = default;
};
} // namespace effect

using any_effect =
    std::variant<effect::load, effect::close, effect::grant, effect::refuse, effect::overdue,
                 effect::stop_load, effect::gone, effect::wake, effect::moved>;
using effects = std::vector<any_effect>;

/// What a waiter asks for.
struct acquire_request {
    std::shared_ptr<const resolved_model> model; ///< its key, generation and estimate decide
    bool pin = false;                            ///< keep the entry once it is resident
    bool retry_failed = false; ///< an explicit load: do not answer from a remembered failure
};

/// One entry, as people see it. Times are as given by events.
struct entry_info {
    entry_id id = 0;
    cache_key key;
    generation files;
    entry_state state = entry_state::waiting;
    footprint bytes; ///< measured; 0 until loaded
    std::uint64_t estimated_bytes = 0;
    std::size_t leases = 0;
    std::size_t waiters = 0;
    bool pinned = false;
    bool overdue = false;                 ///< its load or close passed the deadline
    std::optional<time_point> idle_since; ///< last release, while no lease is out
    std::optional<time_point> expires_at; ///< idle expiry, if any
    std::optional<failure> why_failed;    ///< failed only
    std::optional<std::size_t> position;  ///< waiting only: 1 is next
};

/// Counters since start, and gauges now.
struct cache_stats {
    std::uint64_t hits = 0, misses = 0, joins = 0, loads = 0, load_failures = 0, closes = 0,
                  refusals = 0, abandons = 0, overdue_total = 0;
    std::array<std::uint64_t, 7> evictions{}; ///< by evict_reason
    std::size_t waiters = 0, leases = 0, loaded_models = 0, loading = 0, closing = 0, overdue = 0;
    std::uint64_t charged_bytes = 0;
    std::optional<time_point> oldest_waiter;   ///< when it began to wait
    std::vector<std::string> overdue_look_ups; ///< what they look at; filled in by the shell
};

class cache_core {
public:
    /// REQUIRES: validate(limits) succeeded.
    explicit cache_core(const cache_limits& limits);

    /// A waiter wants a lease. The decision tree is written at its definition.
    effects acquire(waiter_id waiter, acquire_request request, time_point now);
    /// The entry that is ready for `model`, if any: a request for it would be a hit.
    std::optional<entry_id> ready_for(const resolved_model& model) const;
    /// acquire() and released() in one: a use of `entry`, if it is still ready for the model it was
    /// made for; else false. It has no effects.
    bool touch(entry_id entry, std::chrono::nanoseconds keep_alive, time_point now);
    /// The waiter has gone. Unknown ids (answered already) are ignored. Never stops a load.
    effects abandon(waiter_id waiter, time_point now);
    /// The load of `entry` ended: measured bytes, or why not.
    /// REQUIRES: an effect::load for it that has not been reported yet.
    effects loaded(entry_id entry, result<footprint> bytes, time_point now);
    /// What `entry` was is gone without a close, as a process that died: whoever holds it finds its
    /// calls failed, nobody is granted it any more, and it closes when its last lease is back. If
    /// that was within back_off_last of its load, it counts as a failed one: `why` is remembered,
    /// with a back-off that doubles from loss to loss. One that lived longer is loaded again at
    /// once. What is unknown or closes already is ignored.
    effects lost(entry_id entry, failure why, time_point now);
    /// One lease on `entry` came back; the holder asked that the model stay `keep_alive` longer.
    /// REQUIRES: a grant for it that has not been returned yet.
    effects released(entry_id entry, std::chrono::nanoseconds keep_alive, time_point now);
    /// close() of `entry` returned or threw. REQUIRES: an effect::close for it that has not been
    /// reported yet.
    effects closed(entry_id entry, time_point now);
    /// Evict `key` as soon as its leases return; forgets a failure. `left` names the entries that
    /// are now on their way out (each ends in effect::gone).
    effects unload(const cache_key& key, time_point now, std::vector<entry_id>& left);
    /// This is what the model's key means now, asked for or not: an instance of another generation
    /// is retired as by a request (see acquire()). A pinned one stays until its successor is asked
    /// for.
    effects renewed(const std::shared_ptr<const resolved_model>& model, time_point now);
    /// Pins or unpins what is resident or wanted under `key`; false in `found` if there is nothing.
    effects set_pinned(const cache_key& key, bool pinned, time_point now, bool& found);
    /// From now on these limits hold: what is idle goes until the rest fits, what is leased once it
    /// returns; who waits is let in or, if it can never fit any more, refused. Loads and closes
    /// under way keep the deadlines they began with. REQUIRES: validate(limits) succeeded.
    effects set_limits(const cache_limits& limits, time_point now);
    /// Refuse all, close all, admit none.
    effects drain(time_point now);
    /// The time given by effect::wake has come.
    effects tick(time_point now);
    /// Whether effect::moved is said from now on; it decides nothing. Its `why`:
    ///   requested, admitted (there is room), loaded, load_failed, closed: the way through the
    ///   states capacity, bytes, idle, stale, admin, shutdown, lost: on its way out, by
    ///   evict_reason abandoned, refused, retried, forgotten: what only waited, or had failed, is
    ///   no more
    void observe(bool on) noexcept { observed_ = on; }

    /// What is resident, loading, waiting, closing or failed; least recently used first.
    std::vector<entry_info> entries() const;
    void entries(
        std::vector<entry_info>& into) const; ///< the same, in memory that is there already
    /// The keys of what is ready, least recently used first.
    std::vector<cache_key> ready_keys() const;
    /// The instance that answers for `key`, if any.
    std::optional<entry_info> find(const cache_key& key) const;
    /// What `waiter` waits for; empty once it is answered.
    std::optional<entry_info> awaited_by(waiter_id waiter) const;
    /// REQUIRES: an entry of which effect::gone has not been said.
    std::shared_ptr<const resolved_model> model_of(entry_id entry) const;
    /// When a loading entry joined the line for room. REQUIRES: it has not been loaded yet.
    time_point asked_for_at(entry_id entry) const;
    cache_stats stats() const;
    /// True if nothing is resident, loading or closing.
    bool empty() const;
    /// The number of the first invariant that does not hold and what was found; empty if all hold.
    /// For tests.
    std::string broken_invariant() const;

private:
    struct waiting_caller {
        entry_id entry;
        std::list<waiter_id>::iterator place;
        time_point since;
        bool joined;
    };
    struct entry {
        entry_id id = 0;
        std::shared_ptr<const resolved_model> model;
        entry_state state = entry_state::waiting; // never `draining`: that is ready and doomed
        footprint charge; // what it takes of the limits now: the estimate, then the measured size
        footprint bytes;
        std::size_t leases = 0;
        std::list<waiter_id> waiters; // first come first served
        bool pinned = false;
        bool overdue = false;
        std::optional<evict_reason> doomed; // not in index_, and closes when the last lease is back
        std::uint64_t used = 0; // turn of the last use: the order of listing, and of lru_
        time_point since{};     // waiting: when it joined the line; ready: the last release
        time_point loaded{};    // ready: the end of its load
        time_point expires{}; // ready: kept alive at least until then; failed: end of the back-off
        std::optional<time_point>
            deadline; // its one place in deadlines_; idle: idle_expiry() or earlier
        std::optional<std::list<entry_id>::iterator> in_lru;
        std::optional<std::list<entry_id>::iterator> in_line;
        std::optional<failure> why_failed; // failed only; loading: it was lost already
        unsigned failures = 0;             // in a row, losses included, for the back-off
    };

    // requests
    entry* answering(acquire_request& request, time_point now);
    std::optional<failure> reason_to_refuse(const acquire_request& request, const entry* found,
                                            time_point now) const;
    entry& make_entry(const acquire_request& request, unsigned failures, time_point now);
    void join(entry& to, waiter_id waiter, bool joined, time_point now);
    void grant(entry& from, waiter_id waiter, bool cached, bool joined);
    void refuse(waiter_id waiter, failure why);
    void refuse_all(entry& of, const failure& why);
    std::list<waiter_id> take_waiters(entry& of);

    // an entry's way through its states
    void start_load(entry& which, time_point now);
    void rest(entry& which, time_point now);
    void rouse(entry& which);
    void doom(entry& which, evict_reason why, time_point now);
    void close(entry& which, evict_reason why, time_point now);
    void fail(entry& which, failure why, time_point now);
    void keep_failure(entry& which, failure why, time_point now);
    void lose(entry& which, failure why, time_point now);
    failure load_timeout_of(const entry& which, const failure& ended_with) const;
    void pin(entry& which, bool pinned);
    void forget(entry_id id, std::string_view why);
    void expire(entry& which, time_point now);
    void pass_deadline(entry& which, std::chrono::nanoseconds limit, std::string_view verb);
    static entry_state shown(const entry& which);
    void become(entry& which, entry_state next, std::string_view why);
    void tell(const entry& which, std::optional<entry_state> from, std::optional<entry_state> to,
              std::string_view why);

    // room
    void pump(time_point now);
    void shed(time_point now);
    bool keeps_too_much() const;
    budget::what_if without_closing() const;
    void make_room(entry& newcomer, time_point now);
    void drain_for(const entry& newcomer, budget::what_if room, time_point now);
    std::optional<failure> too_large(const resolved_model& newcomer) const;
    bool never_fits_beside_pins(const resolved_model& newcomer) const;
    const entry* blocker(const cache_key& key, const generation& files) const;
    void drop_charge(entry& which);

    void leave_index(entry& which);
    void set_deadline(entry& which, std::optional<time_point> at);
    std::optional<time_point> idle_expiry(const entry& which) const;
    void set_idle_deadline(entry& which);
    entry_info info_of(const entry& which) const;
    void describe(const entry& which, entry_info& into) const;
    effects take_effects();

    cache_limits limits_;
    budget budget_; // invariant 7: of loading, ready and closing entries
    std::unordered_map<entry_id, entry> entries_;
    std::unordered_map<cache_key, entry_id> index_; // the instance that answers for a key
    std::unordered_multimap<cache_key, entry_id>
        departing_; // instances on their way out: doomed or closing
    std::unordered_map<waiter_id, waiting_caller> waiters_;
    std::set<std::pair<time_point, waiter_id>> since_; // the same, longest wait first
    std::list<entry_id>
        lru_; // invariant 6: ready, no lease, not pinned, not doomed; least recently used first
    std::set<entry_id> pinned_;
    std::list<entry_id> line_; // waiting for room; first come first served
    std::set<std::pair<time_point, entry_id>>
        deadlines_;                   // what one means depends on the entry's state: expire()
    std::optional<time_point> woken_; // the wake asked for and not yet come
    std::uint64_t turn_ = 0;
    entry_id next_id_ = 1;
    bool draining_ = false;
    bool observed_ = false;
    cache_stats counted_;                      // counters; the gauges are filled in by stats()
    mutable std::vector<const entry*> by_use_; // empty but within entries()
    effects out_;
};

} // namespace warmd

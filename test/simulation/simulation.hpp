#pragma once
// Deterministic simulation of cache_core + backend_cache over a fake loader: no threads, no clock,
// no randomness but the seed.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warmd::test {

/// One thing that happens. The numbers pick among what there is at that moment, so a schedule stays
/// meaningful when events are taken out of it.
struct sim_event {
    enum class kind {
        ask,
        ask_pinned,
        insist,
        cancel,
        hang_up,
        run,
        give_back,
        step_io,
        run_job,
        pass_time,
        jump_time,
        change_files,
        fail_load,
        fail_close,
        fail_run,
        lose,
        unload,
        unload_all,
        pin,
        unpin,
        look,
        limit
    };
    kind what;
    std::uint32_t a, b;
};
std::string text(const sim_event&);

using schedule = std::vector<sim_event>;

/// The schedule and the limits that `seed` stands for.
struct simulation {
    std::uint64_t seed = 0;
    std::size_t max_models = 1;
    std::uint64_t max_bytes = 0;
    schedule events;

    static simulation from(std::uint64_t seed);
    /// Plays it to the end: every caller must be answered and everything closed. The first broken
    /// rule, if any.
    std::optional<std::string> play() const;
    /// The smallest sub-schedule found that still breaks a rule. REQUIRES: play() found one.
    simulation shrunk() const;
};

} // namespace warmd::test

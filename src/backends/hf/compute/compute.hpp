#pragma once
// The machine's arithmetic, shared by all models of a loader.

#include "base/machine.hpp"
#include "hf/compute/matmul.hpp"
#include "hf/compute/threads.hpp"

#include <mutex>

namespace warmd::hf {

/// Lets one thread at a time compute, which has the team for that: two that shared the cores would
/// be slower than one after the other. Held for one forward step, so that models take turns.
class compute_gate {
public:
    class turn {
    public:
        explicit turn(compute_gate& gate) : lock_(gate.mutex_), engine_(&gate.engine_) {}
        matmul_engine& engine() const { return *engine_; }

    private:
        std::unique_lock<std::mutex> lock_;
        matmul_engine* engine_;
    };

    /// On as many threads as this process may use cores, or fewer: see thread_team.
    explicit compute_gate(std::size_t threads = usable_cores()) : team_(threads), engine_(team_) {}

    /// Loops may use it without a turn.
    thread_team& team() { return team_; }
    /// Waits for the others.
    turn enter() { return turn(*this); }

private:
    std::mutex mutex_;
    thread_team team_;
    matmul_engine engine_;
};

} // namespace warmd::hf

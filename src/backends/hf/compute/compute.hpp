#pragma once
// The machine's arithmetic, shared by all models of a loader.

#include "base/machine.hpp"
#include "hf/compute/matmul.hpp"
#include "hf/compute/threads.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace warmd::hf {

/// Lets one thread at a time compute, which has the team for that: two that shared the cores would
/// be slower than one after the other. In the order in which they came, so that whoever packs one
/// matrix after the other lets a forward step in between.
class compute_gate {
public:
    class turn {
    public:
        explicit turn(compute_gate& gate) : gate_(&gate) { gate.begin_turn(); }
        ~turn() { gate_->end_turn(); }
        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;
        matmul_engine& engine() const { return gate_->engine_; }

    private:
        compute_gate* gate_;
    };

    /// On as many threads as this process may use cores, or fewer: see thread_team.
    explicit compute_gate(std::size_t threads = usable_cores()) : team_(threads), engine_(team_) {}

    /// Loops may use it without a turn.
    thread_team& team() { return team_; }
    /// Waits for those who came before.
    turn enter() { return turn(*this); }

private:
    void begin_turn()
    {
        std::unique_lock lock(mutex_);
        turn_ended_.wait(lock, [this, mine = came_++] { return ended_ == mine; });
    }
    void end_turn()
    {
        {
            const std::lock_guard lock(mutex_);
            ++ended_;
        }
        turn_ended_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable turn_ended_;
    std::uint64_t came_ = 0, ended_ = 0; // turns; guarded by mutex_
    thread_team team_;
    matmul_engine engine_;
};

} // namespace warmd::hf

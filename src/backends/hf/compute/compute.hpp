#pragma once
// The machine's arithmetic, shared by all models of a loader.

#include "hf/compute/matmul.hpp"

#include <mutex>

namespace warmd::hf {

/// Lets one thread at a time compute: oneDNN and OpenMP use all cores for each caller, and two
/// callers at once are several times slower than one after the other. Held for one forward step, so
/// that models take turns.
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

    /// Waits for the others.
    turn enter() { return turn(*this); }

private:
    std::mutex mutex_;
    matmul_engine engine_;
};

} // namespace warmd::hf

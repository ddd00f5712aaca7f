#pragma once
// The machine's arithmetic, shared by all models of a loader: one thread of its own takes their
// sequences through them, step by step.

#include "hf/engine/runner.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace warmd::hf {

class engine {
public:
    /// Throws std::system_error if the system grants it no thread.
    explicit engine(sequence_runner::options how);
    /// REQUIRES: every sequence has left.
    ~engine();
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    /// For what loaders compute themselves: steps wait meanwhile.
    compute_gate& gate() { return gate_; }
    /// Of a base or an adapter: no two that this engine meets have the same.
    std::uint64_t new_id() { return ids_.fetch_add(1, std::memory_order_relaxed); }

    /// Any thread; returns at once.
    void submit(sequence_group what);
    /// What was kept of a base, or of an adapter, is free when this returns; waits for the step
    /// under way. REQUIRES: none of its sequences is under way, and not on the engine's thread.
    void forget_base(std::uint64_t id);
    void forget_adapter(std::uint64_t id);

private:
    using command = std::function<void(sequence_runner&)>;

    void carry_out(command what);
    void carry_out_and_wait(const command& what);
    void work();
    /// What has come in; waits for something if there is nothing to do.
    std::vector<command> take_in(bool idle, bool stuck);

    compute_gate gate_;
    std::atomic<std::uint64_t> ids_ = 1;
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<command> commands_; // guarded by mutex_
    bool ends_ = false;             // guarded by mutex_
    sequence_runner runner_;        // the thread's
    std::thread thread_;
};

} // namespace warmd::hf

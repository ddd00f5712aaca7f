#pragma once
// Sequences under way: what the planner says is taken through the models, one step at a time.

#include "base/metrics.hpp"
#include "hf/calls/sequence.hpp"
#include "hf/compute/compute.hpp"
#include "hf/model/base_model.hpp"
#include "hf/model/prefix_store.hpp"
#include "hf/schedule/step_planner.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace warmd::hf {

/// Who is told of sequences, on the thread that takes the steps, which it should not hold up.
class sequence_owner {
public:
    virtual ~sequence_owner() = default;
    /// Asked between steps: nobody wants them any more.
    virtual bool given_up() const noexcept = 0;
    /// One of them is in the next step; told of each.
    virtual void begun() noexcept = 0;
    /// One of them has left: it has ended, or why it could not. Once for each, last; what it held
    /// is free by then.
    virtual void left(std::optional<failure> why) noexcept = 0;
};

/// What a model's sequences have under way, for activity; any thread may look.
struct work_counts {
    std::atomic<std::size_t> running = 0;       ///< calls
    std::atomic<std::size_t> queued_tokens = 0; ///< of prompts, not yet fed
    std::atomic<std::uint64_t> kv_bytes = 0;    ///< set aside
};

/// Sequences of one call that are seen through one lens.
struct sequence_group {
    base_model* on; ///< outlives them
    lens through;
    std::uint64_t adapter = 0;           ///< whose prefixes these are; 0: the base's own
    std::shared_ptr<const void> weights; ///< keeps what `through` points to; may be null
    bool shares_prefixes = true;         ///< takes up and leaves behind what begins alike
    std::uint64_t client = 0;            ///< call::origin
    call_priority priority = call_priority::interactive;
    std::vector<sequence*> sequences; ///< the owner's; none has ended
    std::shared_ptr<sequence_owner> owner;
    std::shared_ptr<work_counts> counts;
};

/// Takes sequences through their models. Belongs to one thread; computes within turns of the gate.
class sequence_runner {
public:
    struct options {
        step_planner::limits steps;
        std::uint64_t prefix_cache_bytes = 0;
        std::shared_ptr<metrics> counted = std::make_shared<metrics>();
    };

    sequence_runner(compute_gate& gate, options how);
    ~sequence_runner();
    sequence_runner(const sequence_runner&) = delete;
    sequence_runner& operator=(const sequence_runner&) = delete;

    bool empty() const { return running_.empty(); }
    void add(sequence_group what);
    /// Those that nobody wants any more leave.
    void drop_given_up();
    /// One step of what the planner chooses; false: nobody can go on now.
    bool step();
    /// All leave, for this reason.
    void drop_all(const failure& why);

    /// What was kept of a base, or of an adapter, is free. REQUIRES: none of its sequences is here.
    void forget_base(std::uint64_t id);
    void forget_adapter(std::uint64_t id);

private:
    using sequence_id = step_planner::sequence_id;
    struct running;
    struct prepared_step;

    step_planner::beginning begin(sequence_id id);
    bool waits(running& one);
    bool reserve(running& one);
    prepared_step prepare(const step_planner::step& next);
    std::optional<failure> take(const prepared_step& step);
    void settle(sequence_id id, const std::optional<failure>& broken);
    void begin_anew(sequence_id id, running& one);
    void arrive(sequence_id id, const sequence_group& in, std::size_t tokens);
    void leave(sequence_id id, std::optional<failure> why);
    void show();

    compute_gate& gate_;
    const std::shared_ptr<metrics> counted_;
    step_planner planner_;
    prefix_store prefixes_;
    sequence_id next_id_ = 1;
    std::unordered_map<sequence_id, running> running_;
};

} // namespace warmd::hf

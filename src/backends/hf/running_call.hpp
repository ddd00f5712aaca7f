#pragma once
// A call under way: its sequences, and its one answer when all of them have left.

#include "hf/calls/plan.hpp"
#include "hf/engine/runner.hpp"

#include <warmd/backend.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace warmd::hf {

/// What calls need of the backend that they are for.
struct call_surroundings {
    std::function<void(std::function<void()>)> post; ///< to a thread that may take its time
    std::shared_ptr<work_counts> counts;
    std::function<void(const plan&)> remember; ///< sequences that have ended well
};

/// Counted in work_counts::running until it is destroyed, after its answer.
class running_call final : public sequence_owner,
                           public std::enable_shared_from_this<running_call> {
public:
    running_call(call by, call_surroundings in);
    ~running_call() override;

    const call& by() const { return by_; }
    /// Answers. `tokens_in`: of its inputs.
    void complete(result<outcome> answer, std::size_t tokens_in = 0);
    /// Takes on its plan, made of by(), of which so many sequences are to be run: each of them, or
    /// who was to submit it, says left() once. With none it is answered at once.
    void take_on(plan what, std::size_t tokens_in, std::size_t sequences);
    plan& what() { return what_; }

    bool given_up() const noexcept override { return by_.stop.stop_requested(); }
    void begun() noexcept override;
    void left(std::optional<failure> why) noexcept override;

private:
    void finish() noexcept;

    call by_;
    const call_surroundings in_;
    plan what_; // refers to by_
    std::size_t tokens_in_ = 0;

    std::mutex mutex_;
    bool begun_ = false;         // guarded by mutex_, as the others
    std::size_t left_ = 0;       // sequences that have not
    std::optional<failure> why_; // the first
};

} // namespace warmd::hf

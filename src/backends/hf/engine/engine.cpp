#include "hf/engine/engine.hpp"

#include "base/exception_text.hpp"

#include <chrono>
#include <future>
#include <utility>

namespace warmd::hf {

engine::engine(sequence_runner::options how)
    : runner_(gate_, std::move(how)), thread_(engine_thread([this] { work(); }))
{
}

engine::~engine()
{
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    came_.notify_one();
    thread_.join();
}

void engine::carry_out(command what)
{
    {
        const std::lock_guard lock(mutex_);
        commands_.push_back(std::move(what));
    }
    came_.notify_one();
}

void engine::submit(sequence_group what)
{
    carry_out([group = std::make_shared<sequence_group>(std::move(what))](sequence_runner& by) {
        by.add(std::move(*group));
    });
}

void engine::carry_out_and_wait(const command& what)
{
    std::promise<void> done;
    carry_out([&](sequence_runner& by) {
        what(by);
        done.set_value();
    });
    done.get_future().wait();
}

void engine::forget_base(std::uint64_t id)
{
    carry_out_and_wait([id](sequence_runner& by) { by.forget_base(id); });
}

void engine::forget_adapter(std::uint64_t id)
{
    carry_out_and_wait([id](sequence_runner& by) { by.forget_adapter(id); });
}

/// Whoever is under way and cannot go on looks again soon: it may have been given up.
std::vector<engine::command> engine::take_in(bool idle, bool stuck)
{
    constexpr std::chrono::milliseconds soon{20};
    std::unique_lock lock(mutex_);
    const auto something = [this] { return !commands_.empty() || ends_; };
    if (idle)
        came_.wait(lock, something);
    else if (stuck)
        came_.wait_for(lock, soon, something);
    return std::exchange(commands_, {});
}

void engine::work()
{
    for (bool stuck = false;;) {
        const auto commands = take_in(runner_.empty(), stuck);
        if (commands.empty() && runner_.empty())
            return; // nothing else ends a wait
        try {
            for (const command& each : commands)
                each(runner_);
            runner_.drop_given_up();
            stuck = !runner_.empty() && !runner_.step();
        } catch (...) { // no memory
            runner_.drop_all({errc::backend_failed, current_exception_text()});
        }
    }
}

} // namespace warmd::hf

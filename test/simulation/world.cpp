#include "simulation/world.hpp"

#include "model/batching_backend.hpp"

#include <stdexcept>
#include <utility>

namespace warmd::test {

namespace {

class simulated final : public batching_backend {
public:
    simulated(world& in, world::instance which, call_worker worker)
        : batching_backend(std::move(worker)), in_(in), which_(which)
    {
    }
    ~simulated() override { in_.destroyed(which_); }

    void run(std::span<call> calls) override
    {
        in_.check(!closed_, "3: a call runs on a closed backend");
        if (in_.take_failure(in_.fail_run_, which_.first))
            throw std::runtime_error("run failed");
        for (call& each : calls)
            each.complete(outcome(plain_text{std::to_string(which_.second)}));
    }
    activity now() const override
    {
        in_.check(!closed_, "3: a closed backend is asked what it does");
        return {};
    }
    footprint bytes() const override
    {
        return {world::sizes[which_.first], which_.first < 2 ? world::shared_size : 0};
    }
    void close() override
    {
        closed_ = true;
        in_.close_began(which_);
        if (in_.take_failure(in_.fail_close_, which_.first))
            throw std::runtime_error("close failed");
    }

private:
    world& in_;
    world::instance which_;
    bool closed_ = false;
};

} // namespace

loader world::make_loader()
{
    const auto resolve = [this](const model_spec& asked,
                                const file_rules&) -> result<resolved_model> {
        const std::size_t model = model_of(asked.base);
        resolved_model found{.spec = asked,
                             .key = {asked.base},
                             .files = {std::to_string(files_[model])},
                             .estimated_bytes = sizes[model]};
        if (model < 2) {
            found.shared_weights = "shared";
            found.shared_bytes = shared_size;
        }
        return found;
    };
    const auto load = [this](const resolved_model& what,
                             load_context& context) -> result<std::unique_ptr<backend>> {
        const instance which{model_of(what.spec.base), std::stoi(what.files.text)};
        load_began(which, context.lost);
        context.progress(1, 2);
        const bool well = !take_failure(fail_load_, which.first);
        load_ended(which, well);
        if (!well)
            throw std::runtime_error("load failed");
        return std::make_unique<simulated>(*this, which, std::move(context.worker));
    };
    return {resolve, load};
}

std::uint64_t world::bytes_alive() const
{
    std::uint64_t sum = 0;
    bool shared = false;
    for (const auto& [which, closing] : alive_) {
        sum += sizes[which.first] - (which.first < 2 ? shared_size : 0);
        shared = shared || which.first < 2;
    }
    return sum + (shared ? shared_size : 0);
}

void world::lose(std::size_t model)
{
    for (const auto& [which, closing] : alive_)
        if (which.first == model && !closing) {
            losses_.insert(model);
            if (const auto tell = std::exchange(lost_[which], nullptr))
                tell(failure{errc::backend_failed, "died"});
        }
}

void world::load_began(instance which, std::function<void(failure)> lost)
{
    ++loads_;
    lost_[which] = std::move(lost);
    check(alive_.emplace(which, false).second, "4: two live instances of " + base(which.first));
    check(alive_.size() <= max_models_, "7: " + std::to_string(alive_.size()) + " models at once");
    check(max_bytes_ == 0 || bytes_alive() <= max_bytes_,
          "7: " + std::to_string(bytes_alive()) + " bytes at once");
}

void world::load_ended(instance which, bool well)
{
    if (well)
        return;
    alive_.erase(which);
    load_failures_.insert(which.first);
    --loads_; // nothing to close
}

void world::close_began(instance which)
{
    ++closes_;
    const auto found = alive_.find(which);
    check(found != alive_.end() && !found->second, "9: closed twice, or never loaded");
    check(leases_[which] == 0, "6: " + base(which.first) + " was closed while leased");
    if (found != alive_.end())
        found->second = true;
}

void world::destroyed(instance which)
{
    const auto found = alive_.find(which);
    check(found != alive_.end() && found->second, "9: destroyed without a close");
    alive_.erase(which);
}

} // namespace warmd::test

#pragma once
// A model that a worker holds.

#include "worker/session.hpp"
#include <warmd/backend.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace warmd::worker {

class worker_backend final : public backend {
public:
    worker_backend(std::shared_ptr<session> by, const loaded_model& model)
        : by_(std::move(by)), bytes_(model.bytes)
    {
    }

    void submit(call what) override { by_->submit(std::move(what)); }
    /// What is on a device is not of this machine's memory.
    footprint bytes() const override { return {.all = bytes_}; }
    activity now() const override { return {.running = by_->running()}; }
    void close() override
    {
        by_->stop();
        by_->wait_until_gone();
    }

private:
    const std::shared_ptr<session> by_;
    const std::uint64_t bytes_;
};

} // namespace warmd::worker

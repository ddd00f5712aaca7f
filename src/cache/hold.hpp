#pragma once
// One granted lease.

#include "cache/backend_lease.hpp"

#include "cache/lane.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace warmd {

/// A resident backend, shared by the cache's record of it and every hold on it.
struct resident {
    residency what;
    std::shared_ptr<lane> where;
    std::atomic<std::uint64_t> calls = 0;
};

/// Gives the lease back when the last share of it goes: the caller's, or that of a job it left
/// behind.
class hold {
public:
    /// `give_back` is called once, from any thread, and must neither block nor throw.
    hold(std::shared_ptr<resident> held, std::function<void()> give_back)
        : held_(std::move(held)), give_back_(std::move(give_back))
    {
    }
    ~hold() { give_back_(); }
    hold(const hold&) = delete;
    hold& operator=(const hold&) = delete;

    resident& held() const noexcept { return *held_; }

private:
    std::shared_ptr<resident> held_;
    std::function<void()> give_back_;
};

} // namespace warmd

#pragma once
// What is charged against the limits: models, and their bytes. No Asio, no decisions.

#include "base/config.hpp"
#include <warmd/model_spec.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace warmd {

/// The charges of all that is loading, resident or closing, beside the limits. A charge is what a
/// model takes of them: the estimate until its load ends, then the measured size. Weights that
/// several models hold in common are charged once.
class budget {
public:
    explicit budget(const cache_limits& limits) { set_limits(limits); }
    void set_limits(const cache_limits& limits)
    {
        max_models_ = limits.max_loaded_models;
        max_bytes_ = limits.max_loaded_bytes;
    }
    std::size_t max_models() const noexcept { return max_models_; }
    std::uint64_t max_bytes() const noexcept { return max_bytes_; } ///< 0: no limit

    /// Charges the estimate of `model`: what it was charged.
    footprint charge(const resolved_model& model);
    /// `model` is charged `now` in place of `before`.
    void change(const resolved_model& model, const footprint& before, const footprint& now);
    void drop(const resolved_model& model, const footprint& charged);

    std::size_t models() const noexcept { return models_; }
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// How many sets of shared weights are charged, and what for one of them.
    std::size_t shared_sets() const noexcept { return shared_.size(); }
    std::uint64_t shared_bytes(const std::string& weights) const
    {
        return shared_.at(weights).bytes;
    }

    class what_if;

private:
    struct shared_weights {
        std::size_t users = 0; // models that are charged
        std::uint64_t bytes = 0;
    };

    std::size_t max_models_ = 0;
    std::uint64_t max_bytes_ = 0;
    std::size_t models_ = 0;
    std::uint64_t bytes_ = 0; // modulo 2^64 on the way, and right at the end
    std::unordered_map<std::string, shared_weights> shared_;
};

/// What would be charged if some models were gone. The budget must not change meanwhile.
class budget::what_if {
public:
    explicit what_if(const budget& now) : now_(now), models_(now.models_), bytes_(now.bytes_) {}

    void without(const resolved_model& gone, const footprint& charged);
    bool within_limits() const;
    /// Whether the estimate of `newcomer` fits beside the rest.
    bool admits(const resolved_model& newcomer) const;

private:
    const budget& now_;
    std::size_t models_;
    std::uint64_t bytes_;
    std::unordered_map<std::string_view, std::size_t>
        users_; // of shared weights, where fewer than now
};

} // namespace warmd

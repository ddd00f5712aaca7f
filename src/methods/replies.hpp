#pragma once
// Writes the results of the methods that are no operations, field by field as the contract has
// them (contract_daemon.cpp).

#include "base/metrics.hpp"
#include "cache/backend_cache.hpp"
#include "methods/methods.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace warmd::replies {

using time_point = std::chrono::steady_clock::time_point;

/// In tokens, what is generated included, where its kind says.
std::optional<std::uint64_t> longest_input_of(const resolved_model& model);

/// Why `health` is degraded, in sentences: what did not end in its time. Empty: all is well.
std::vector<std::string> what_is_stuck(std::span<const model_info> models, const cache_stats& stats,
                                       const cache_limits& limits, time_point now);

/// A step of models that takes longer keeps everybody waiting: they are made to take a twentieth of
/// a second.
inline constexpr std::chrono::seconds longest_step_expected{30};
/// Why `health` is degraded if the step under way is such a one. No watchdog ends the daemon for
/// that: on a slow machine it may well end.
std::optional<std::string> slow_step(const metrics& counted, time_point now);

void write_loaded(std::string& out, const residency& what, bool cached, bool joined);
std::string unloaded(std::span<const cache_key> keys);
std::string pinned(const cache_key& key, bool pinned);
std::string reloaded(const model_changes& changes);
/// The key that a name's model is known to have, if somebody has asked for it.
using known_key = std::function<std::optional<cache_key>(const model_spec& named)>;
std::string models(std::span<const model_info> models, const daemon_info& daemon,
                   const known_key& key_of, time_point now);
std::string subscribed(event_filter wanted);
void write_health(std::string& out, std::span<const model_info> models, const cache_stats& stats,
                  const metrics& counted, const daemon_info& daemon, time_point now);

} // namespace warmd::replies

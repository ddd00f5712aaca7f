#pragma once
// Writes the results of the methods that are no operations, field by field as the contract has
// them (contract_daemon.cpp).

#include "cache/backend_cache.hpp"
#include "methods/methods.hpp"

#include <span>
#include <string>
#include <vector>

namespace warmd::replies {

using time_point = std::chrono::steady_clock::time_point;

/// Why `health` is degraded, in sentences: what did not end in its time. Empty: all is well.
std::vector<std::string> what_is_stuck(std::span<const model_info> models, const cache_stats& stats,
                                       const cache_limits& limits, time_point now);

void write_loaded(std::string& out, const residency& what, bool cached, bool joined);
std::string unloaded(std::span<const cache_key> keys);
std::string pinned(const cache_key& key, bool pinned);
std::string reloaded(const model_changes& changes);
std::string models(std::span<const model_info> models, time_point now);
std::string subscribed(event_filter wanted);
void write_health(std::string& out, std::span<const model_info> models, const cache_stats& stats,
                  const daemon_info& daemon, time_point now);

} // namespace warmd::replies

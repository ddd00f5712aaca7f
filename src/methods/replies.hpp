#pragma once
// Writes the results of the methods and the notifications that precede them, field by field as the
// README has them.

#include "cache/backend_cache.hpp"
#include "methods/methods.hpp"
#include <warmd/json_writer.hpp>

#include <span>
#include <string>
#include <vector>

namespace warmd::replies {

using time_point = std::chrono::steady_clock::time_point;

/// Why `health` is degraded, in sentences: what did not end in its time. Empty: all is well.
std::vector<std::string> what_is_stuck(std::span<const model_info> models, const cache_stats& stats,
                                       const cache_limits& limits, time_point now);

// Results of the operations. REQUIRES: the alternative of `outcome` that belongs to the operation.
void write_tokens(json_writer& to, const outcome&);
void write_plain_text(json_writer& to, const outcome&);
void write_distributions(json_writer& to, const outcome&);
void write_scored(json_writer& to, const outcome&);
void write_rolling(json_writer& to, const outcome&);
void write_generation(json_writer& to, const outcome&);
void write_divergence(json_writer& to, const outcome&);

// Results of the other methods.
void write_loaded(std::string& out, const residency& what, bool cached, bool joined);
std::string unloaded(std::span<const cache_key> keys);
std::string pinned(const cache_key& key, bool pinned);
std::string reloaded(const model_changes& changes);
std::string models(std::span<const model_info> models, time_point now);
std::string subscribed(event_filter wanted);
void write_health(std::string& out, std::span<const model_info> models, const cache_stats& stats,
                  const daemon_info& daemon, time_point now);

// Parameters of notifications about the request `id`.
std::string progress(const json::value& id, const load_progress& so_far);
std::string running(const json::value& id);
std::string token(const json::value& id, const generated_token& token);

// Parameters of `event` notifications.
std::string event(const cache_event& happened);
/// So many events were not sent, because the client did not read.
std::string lost(std::size_t events);

} // namespace warmd::replies

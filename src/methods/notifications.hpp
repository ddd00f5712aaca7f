#pragma once
// Writes the parameters of what the daemon sends before a result, and to subscribers.

#include "cache/backend_cache.hpp"
#include <warmd/json.hpp>

#include <cstddef>
#include <string>

namespace warmd::replies {

// About the request `id`.
std::string progress(const json::value& id, const load_progress& so_far);
std::string running(const json::value& id);
std::string token(const json::value& id, const generated_token& token);
/// A suite's run: so many tokens are computed of so many; `result` is JSON text, or empty.
std::string suite_progress(const json::value& id, std::size_t done, std::size_t total,
                           std::string_view result = {});

// Of `event`.
std::string event(const cache_event& happened);
/// So many events were not sent, because the client did not read.
std::string lost(std::size_t events);

} // namespace warmd::replies

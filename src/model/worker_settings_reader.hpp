#pragma once
// The configuration file's member `workers`.

#include "model/worker_settings.hpp"
#include "json/json_source.hpp"

#include <optional>

namespace warmd {

/// Reads {kind: {…}} of an object; what is wrong, with its place.
std::optional<failure> read_workers(const json_source& from, const json_node& workers,
                                    worker_kinds& into);

} // namespace warmd

#pragma once
// An operation on a model, from a specification to its outcome: what JSON-RPC asks for, and
// whatever else asks. Values in, values out: how they are written is for whoever asked.

#include "base/config.hpp"
#include "cache/backend_cache.hpp"

#include <functional>
#include <string>

namespace warmd {

/// How an operation is to be run.
struct run_options {
    acquire_options acquire;
    request_limits limits;
    call_options call; ///< what it may take is set by `limits`, where they are lower
    /// Told on the caller's executor that the model is there. May be empty.
    std::function<void(const residency&)> granted;
};

/// Loads `model` if need be and runs `what` on it; invalid_params if that is more than the limits
/// allow. Resumes on the caller's executor, which must be serial; if the caller is cancelled
/// (terminal) it ends with operation_aborted, and what runs is asked to stop.
asio::awaitable<result<outcome>> run(backend_cache& on, model_spec model, operation what,
                                     run_options how);
/// The same, and what `write` makes of the outcome.
asio::awaitable<result<std::string>> run(backend_cache& on, model_spec model, operation what,
                                         run_options how, outcome_text write);

} // namespace warmd

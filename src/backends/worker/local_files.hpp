#pragma once
// The files of a model whose worker runs here: what they are called, how large they are, and when
// they change. What is in them is the worker's business.

#include <warmd/model_spec.hpp>

namespace warmd::worker {

/// Resolves base and adapter, files or directories at absolute paths: not_found, invalid_params.
/// A directory's own files count, not those of directories within it. The estimate is their size.
result<resolved_model> resolve_local(const model_spec& asked);
/// The same of paths that are not ours to look at: nothing is known of them.
resolved_model resolve_elsewhere(const model_spec& asked);

} // namespace warmd::worker

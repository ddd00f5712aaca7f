#pragma once
// What a worker is shut up in.

#include "model/worker_settings.hpp"
#include <warmd/model_spec.hpp>

#include <string>
#include <vector>

namespace warmd::worker {

struct sandboxed {
    std::vector<std::string> command;
    std::string in_force; ///< "bubblewrap", or in words why there is none
};

/// `command` within bubblewrap (bwrap(1)), if the settings want that and it is installed: every
/// file is read-only, homes and /tmp are empty but for the model's own files, there are no other
/// processes, and no network unless the settings allow it.
sandboxed within_sandbox(std::vector<std::string> command, const worker_settings& how,
                         const model_spec& model);

} // namespace warmd::worker

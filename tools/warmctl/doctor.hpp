#pragma once
// What keeps a daemon from being of use here, and what to type about it.

#include "warmctl/commands.hpp"

#include <string>
#include <vector>

namespace warmd::ctl {

/// doctor.
command that_examines();

/// One thing that was looked at.
struct finding {
    enum class state { well, note, wrong };
    state found = state::well;
    std::string what;   ///< "socket"
    std::string text;   ///< what was found
    std::string remedy; ///< what to type; may be empty
};
/// A line for each, and its remedy below it.
std::string show(const std::vector<finding>& all);

/// The processor, and which of its instructions the kernels use, by the text of /proc/cpuinfo.
finding look_at_processor(const std::string& cpuinfo);
/// Memory that models can have, by the text of /proc/meminfo.
finding look_at_memory(const std::string& meminfo);

} // namespace warmd::ctl

#pragma once
// The manual on the terminal: one screen for each command.

#include <string>
#include <string_view>

namespace warmd::ctl {

/// The screen of `warmctl --help`.
std::string overview();
/// The screen of one command. REQUIRES: one of commands().
std::string help_of(std::string_view command);

} // namespace warmd::ctl

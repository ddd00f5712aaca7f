#pragma once
// The manual on the terminal: one screen for each command.

#include "warmctl/commands.hpp"

#include <string>

namespace warmd::ctl {

/// The screen of `warmctl --help`.
std::string overview();
/// The screen of one command.
std::string help_of(const command& asked, const schema::contract& by);

} // namespace warmd::ctl

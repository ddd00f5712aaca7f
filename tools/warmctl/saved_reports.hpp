#pragma once
// The commands about reports of suites that stand in files. They ask no daemon.

#include "warmctl/commands.hpp"

#include <vector>

namespace warmd::ctl {

std::vector<command> about_saved_reports();

} // namespace warmd::ctl

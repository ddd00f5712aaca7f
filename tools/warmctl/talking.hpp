#pragma once
// Texts that a model writes: at once, in turn with somebody at a terminal, or through two views.

#include "warmctl/commands.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace warmd::ctl {

/// generate; chat; compare-generate.
std::vector<command> that_write();

/// Two texts beside each other, each in half of `width` columns, under their names; below each
/// other where that is less than 60.
std::string side_by_side(const std::string (&names)[2], const std::string (&texts)[2],
                         std::size_t width);

} // namespace warmd::ctl

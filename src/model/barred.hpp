#pragma once
// Why a path that may well be there cannot be seen.

#include <warmd/error.hpp>

#include <optional>
#include <string>

namespace warmd {

/// permission_denied if a directory on the way to absolute `path`, through all symbolic links, does
/// not let this process pass: which one, its mode, and what to type. Makes system calls: worker
/// threads only.
std::optional<failure> barred(const std::string& path);

} // namespace warmd

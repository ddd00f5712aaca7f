#pragma once
// Limits where models may be loaded from.

#include <warmd/backend_registry.hpp>

#include <string>
#include <vector>

namespace warmd {

/// True if `path` is one of `roots` or beneath one. REQUIRES: all of them absolute, without
/// symbolic links, `.` and `..`.
bool beneath(const std::vector<std::string>& roots, const std::string& path);

/// `how`, limited to bases and adapters beneath `roots` (real paths); empty: not limited.
/// permission_denied, without a word about what is there, for whatever leads elsewhere once
/// symbolic links are resolved; load_failed for a file that turns out to be elsewhere once it is
/// open (file_rules).
loader limited_to(std::vector<std::string> roots, loader how);

} // namespace warmd

#pragma once
// Where a model is: directories, ids in the hub cache, and adapters that name their base.

#include <warmd/file_rules.hpp>
#include <warmd/model_spec.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace warmd::hf {

struct model_location {
    std::string base; ///< a directory's real path, as is the next
    std::optional<std::string> adapter;
    std::optional<std::string> revision;           ///< of the base, where an id led to it
    std::vector<std::filesystem::path> depends_on; ///< absolute paths: it is elsewhere when one of
                                                   ///< them means another file, or changes
};

/// Where `asked` leads. A base that is an adapter's directory (it has adapter_config.json and no
/// config.json) is that adapter, on the base that adapter_config.json names as
/// base_model_name_or_path: an absolute path, a path from the adapter's directory on (one that
/// begins with '.', or leads to a directory), or an id in the hub cache, of its `revision`.
/// not_found: what is no directory, or not in the cache; permission_denied: what this process
/// cannot enter, or a base that `rules` do not let a file lead to; load_failed: an adapter that
/// names no base.
result<model_location> locate(const model_spec& asked, const file_rules& rules);

/// In words, that the adapter's file names another base than the one it is used on, as far as names
/// tell: a copy's directory called as the original is the same. Nothing: it names this one, or
/// none.
std::optional<std::string> named_otherwise(const std::string& adapter, const std::string& base,
                                           const file_rules& rules);

} // namespace warmd::hf

#pragma once
// Models that huggingface_hub has downloaded before. Nothing is ever downloaded here.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace warmd {

/// The value of an environment variable, "" if it is not set.
using environment = std::function<std::string(const char* name)>;
std::string from_environment(const char* name);

/// Where the cache is, as huggingface_hub finds it: $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE,
/// else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub. A ~ in
/// front is the home directory.
std::filesystem::path hub_cache_directory(const environment& of = from_environment);

struct hub_snapshot {
    std::filesystem::path directory;
    std::vector<std::filesystem::path> chosen_by; ///< what says that it is this one, if anything
};

/// A snapshot of a repository ("org/name" or "name"): the one that `revision` names, a branch or
/// tag (refs/…) or a commit (snapshots/…). Of "main", if there is no such branch, the only one that
/// there is. invalid_params if `id` or `revision` can be no such name; not_found names what was
/// looked for, and where.
result<hub_snapshot> find_in_hub_cache(const std::filesystem::path& cache, const std::string& id,
                                       const std::string& revision = "main",
                                       const file_rules& rules = {});

} // namespace warmd

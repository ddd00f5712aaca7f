#pragma once
// Models that huggingface_hub has downloaded before. Nothing is ever downloaded here.

#include <warmd/error.hpp>

#include <filesystem>
#include <string>

namespace warmd::hf {

/// Where the cache is: $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.
std::filesystem::path hub_cache_directory();

/// The snapshot of a repository ("org/name" or "name") that refs/main of the cache names.
/// invalid_params if `id` is no repository id, not_found names the path that is not there.
result<std::filesystem::path> find_in_hub_cache(const std::filesystem::path& cache,
                                                const std::string& id);

} // namespace warmd::hf

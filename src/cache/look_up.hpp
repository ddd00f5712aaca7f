#pragma once
// One look at what a spec means, on a worker thread: it blocks for as long as the file system
// likes.

#include "base/time_source.hpp"
#include "cache/file_watcher.hpp"
#include <warmd/backend_registry.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace warmd {

/// What was found.
struct finding {
    time_point asked{}; ///< before looking: what changes later is news
    result<std::shared_ptr<const resolved_model>> found;
    std::unique_ptr<file_watch> watch; ///< of what `found` depends on
    std::string unwatched;             ///< why there is no watch
    /// For how long nothing has changed in the files: of those that have changed in the last
    /// seconds. Else, and where a clock other than ours wrote their times, max().
    std::chrono::nanoseconds quiet = std::chrono::nanoseconds::max();
};

/// Asks `how`. `watched`: what there was to watch the last time; `watcher`: may be null.
finding look_up(const loader& how, const model_spec& spec,
                std::vector<std::filesystem::path> watched, file_watcher* watcher,
                time_point now) noexcept;

/// The mount point that `path` lies beneath, by its name alone: no file system is asked, so none
/// can hang. "" for what is no absolute path.
std::string mount_point_of(const std::string& path);

} // namespace warmd

#pragma once
// A suite that is asked whenever an adapter has changed.

#include "warmctl/commands.hpp"

#include <warmd/client.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace warmd::ctl {

/// When something that changes, perhaps in several writes, is to be looked at: once it has been
/// still for a while.
class settled_change {
public:
    using clock = std::chrono::steady_clock;

    explicit settled_change(clock::duration still) : still_(still) {}
    /// Told what is there: true if that is to be judged now, which it is once. "": nothing is.
    bool look(const std::string& seen, clock::time_point now);

private:
    const clock::duration still_;
    std::string seen_, judged_;
    clock::time_point since_{}; // seen_ has been there
};

/// What tells whether the files of a directory are other ones: names, sizes, times. "" if there is
/// no such directory.
std::string look_of(const std::filesystem::path& directory);

/// Deletes the oldest results of a directory beyond so many.
void keep_results(const std::filesystem::path& directory, std::size_t most);

/// The options of watch.
std::vector<option> watch_options();
/// watch --suite: the gate whenever the adapter's files, or the path in the pointer file, change.
/// False if the last gate did not let it pass.
request ask_suite_watch(const question& from);
result<bool> watch_suite(client& daemon, const arguments& typed, const request& run);

} // namespace warmd::ctl

#include "worker/sandbox.hpp"

#include "worker/process.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace warmd::worker {

namespace {

const std::array<std::string, 5> hidden{"/home", "/root", "/run/user", "/tmp", "/var/tmp"};

/// Makes a path that would be hidden visible again.
void show(std::vector<std::string>& all, const std::string& path)
{
    const bool is_hidden = std::any_of(hidden.begin(), hidden.end(), [&](const std::string& each) {
        return path.starts_with(each + '/');
    });
    if (is_hidden)
        all.insert(all.end(), {"--ro-bind-try", path, path});
}

} // namespace

sandboxed within_sandbox(std::vector<std::string> command, const worker_settings& how,
                         const model_spec& model)
{
    if (how.paths != path_meaning::local)
        return {std::move(command), "none: its paths are not local"};
    if (!how.sandbox)
        return {std::move(command), "none: switched off"};
    const auto wrapper = find_program("bwrap");
    if (!wrapper)
        return {std::move(command), "none: bubblewrap is not installed"};
    std::vector<std::string> all{
        *wrapper, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--ro-bind", "/",
        "/",      "--dev-bind",        "/dev",          "/dev",          "--proc",    "/proc"};
    for (const std::string& each : hidden)
        if (std::filesystem::is_directory(each))
            all.insert(all.end(), {"--tmpfs", each});
    if (!how.network)
        all.push_back("--unshare-net");
    for (const std::string& word : command) // a program finds what it needs beside itself
        show(all, std::filesystem::path(word).parent_path());
    show(all, model.base);
    show(all, model.adapter.value_or(""));
    all.push_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return {std::move(all), "bubblewrap"};
}

} // namespace warmd::worker

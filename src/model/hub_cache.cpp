#include "model/hub_cache.hpp"

#include <warmd/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace warmd {

namespace {

using path = std::filesystem::path;

constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

/// One part of an id or the name of a snapshot: nothing that could lead out of a directory.
bool is_name(std::string_view text)
{
    return !text.empty() && text.size() <= 96 &&
           text.find_first_not_of(name_characters) == std::string_view::npos &&
           text.front() != '.' && text.front() != '-' && text.find("..") == std::string_view::npos;
}

/// Names between slashes: "v1.0", "refs/pr/3".
bool is_revision(std::string_view text)
{
    const std::size_t slash = text.find('/');
    return is_name(text.substr(0, slash)) &&
           (slash == std::string_view::npos || is_revision(text.substr(slash + 1)));
}

bool is_folder(const path& where)
{
    std::error_code ec;
    return std::filesystem::is_directory(where, ec);
}

std::string trimmed(std::string text)
{
    text.erase(
        std::find_if_not(text.rbegin(), text.rend(), [](unsigned char c) { return c <= ' '; })
            .base(),
        text.end());
    return text;
}

path with_home(const std::string& text, const environment& of)
{
    const bool at_home = text == "~" || text.starts_with("~/");
    return at_home ? path(of("HOME") + text.substr(1)) : path(text);
}

/// What a reference says: a commit. Empty if `rules` do not let it be read.
std::string commit_in(const path& reference, const file_rules& rules)
{
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    const int handle = ::open(reference.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0)
        return {};
    std::array<char, 1024> text{};
    const ::ssize_t got = rules.admit(handle) ? ::read(handle, text.data(), text.size()) : -1;
    ::close(handle);
    return got < 0 ? "" : trimmed(std::string(text.data(), static_cast<std::size_t>(got)));
}

std::vector<path> snapshots_in(const path& repository)
{
    std::vector<path> all;
    std::error_code ec;
    for (std::filesystem::directory_iterator each(repository / "snapshots", ec), end;
         !ec && each != end; each.increment(ec))
        if (is_folder(each->path()))
            all.push_back(each->path());
    return all;
}

std::string how_to_get(const std::string& id, const path& cache)
{
    return "; the daemon looks in " + cache.native() + " (HF_HUB_CACHE, HF_HOME); 'hf download " +
           id + "' gets it";
}

/// By the rules of find_in_hub_cache; a failure says only what is wrong.
result<hub_snapshot> find_in(const path& repository, const std::string& revision,
                             const file_rules& rules)
{
    const auto missing = [](std::string why) { return failure{errc::not_found, std::move(why)}; };
    if (!is_folder(repository))
        return missing("there is no " + repository.native());
    const path reference = repository / "refs" / revision;
    std::error_code ec;
    if (std::filesystem::exists(reference, ec)) {
        const std::string commit = commit_in(reference, rules);
        const path snapshot = repository / "snapshots" / commit;
        if (!is_name(commit) || !is_folder(snapshot))
            return missing(reference.native() + " names no snapshot that is there");
        return hub_snapshot{snapshot, {reference}};
    }
    const path commit = repository / "snapshots" / revision;
    if (is_folder(commit))
        return hub_snapshot{commit, {}};
    const std::vector<path> all = snapshots_in(repository);
    if (revision == "main" && all.size() == 1)
        return hub_snapshot{all[0], {reference, repository / "snapshots"}};
    return missing("neither " + reference.native() + " nor " + commit.native() + " is there, and " +
                   std::to_string(all.size()) + " snapshots are");
}

} // namespace

std::string from_environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

std::filesystem::path hub_cache_directory(const environment& of)
{
    for (const char* const name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
        if (const std::string cache = of(name); !cache.empty())
            return with_home(cache, of);
    if (const std::string home = of("HF_HOME"); !home.empty())
        return with_home(home, of) / "hub";
    const std::string cache = of("XDG_CACHE_HOME");
    return with_home(cache.empty() ? "~/.cache" : cache, of) / "huggingface/hub";
}

result<hub_snapshot> find_in_hub_cache(const std::filesystem::path& cache, const std::string& id,
                                       const std::string& revision, const file_rules& rules)
{
    const std::size_t slash = id.find('/');
    const std::string organisation = slash == std::string::npos ? "" : id.substr(0, slash);
    const std::string name = slash == std::string::npos ? id : id.substr(slash + 1);
    if (!is_name(name) || (slash != std::string::npos && !is_name(organisation)))
        return failure{errc::invalid_params,
                       "model.base '" + shortened(id) +
                           "' is neither an absolute path nor a Hugging Face repository id"};
    if (revision.size() > 256 || !is_revision(revision))
        return failure{errc::invalid_params,
                       "model.revision '" + shortened(revision) + "' is no branch, tag or commit"};
    auto found =
        find_in(cache / ("models--" + (organisation.empty() ? "" : organisation + "--") + name),
                revision, rules);
    if (!found)
        return failure{errc::not_found, "model.base '" + id +
                                            "' is not in the local Hugging Face cache: " +
                                            found.error().detail + how_to_get(id, cache)};
    return found;
}

} // namespace warmd

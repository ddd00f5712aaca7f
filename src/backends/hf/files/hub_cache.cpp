#include "hf/files/hub_cache.hpp"

#include "hf/files/input_file.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <cstdlib>

namespace warmd::hf {

namespace {

constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

/// One part of an id or the name of a snapshot: nothing that could lead out of a directory.
bool is_name(std::string_view text)
{
    return !text.empty() && text.size() <= 96 &&
           text.find_first_not_of(name_characters) == std::string_view::npos &&
           text.front() != '.' && text.front() != '-' && text.find("..") == std::string_view::npos;
}

std::string from_environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

} // namespace

std::filesystem::path hub_cache_directory()
{
    if (const std::string cache = from_environment("HF_HUB_CACHE"); !cache.empty())
        return cache;
    if (const std::string home = from_environment("HF_HOME"); !home.empty())
        return std::filesystem::path(home) / "hub";
    return std::filesystem::path(from_environment("HOME")) / ".cache/huggingface/hub";
}

result<std::filesystem::path> find_in_hub_cache(const std::filesystem::path& cache,
                                                const std::string& id)
{
    const std::size_t slash = id.find('/');
    const std::string organisation = slash == std::string::npos ? "" : id.substr(0, slash);
    const std::string name = slash == std::string::npos ? id : id.substr(slash + 1);
    if (!is_name(name) || (slash != std::string::npos && !is_name(organisation)))
        return failure{errc::invalid_params,
                       "model.base '" + shortened(id) +
                           "' is neither an absolute path nor a Hugging Face repository id"};
    const std::filesystem::path repository =
        cache / ("models--" + (organisation.empty() ? "" : organisation + "--") + name);
    const std::string missing = "model.base '" + id + "' is not in the local Hugging Face cache: ";
    auto revision = read_text(repository / "refs" / "main", 1024);
    if (!revision)
        return failure{errc::not_found, missing + revision.error().detail};
    revision->erase(std::find_if_not(revision->rbegin(), revision->rend(),
                                     [](unsigned char c) { return c <= ' '; })
                        .base(),
                    revision->end());
    if (!is_name(*revision))
        return failure{errc::not_found,
                       missing + (repository / "refs" / "main").native() + " names no snapshot"};
    const std::filesystem::path snapshot = repository / "snapshots" / *revision;
    std::error_code ec;
    if (!std::filesystem::is_directory(snapshot, ec))
        return failure{errc::not_found, missing + snapshot.native() + " is no directory"};
    return snapshot;
}

} // namespace warmd::hf

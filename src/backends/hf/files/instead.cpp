#include "hf/files/instead.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace warmd::hf {

namespace {

namespace fs = std::filesystem;

constexpr const char* gguf =
    "which this kind does not read: it loads directories of config.json, tokenizer.json and "
    "model.safetensors, as the model's own repository has them";

bool is_admitted(const fs::path& place, const file_rules& rules)
{
    const int handle = ::open(place.c_str(), O_PATH | O_CLOEXEC);
    if (handle < 0)
        return false;
    const bool admitted = rules.admit(handle);
    ::close(handle);
    return admitted;
}

bool is_there(const fs::path& file)
{
    std::error_code ec;
    return fs::exists(file, ec);
}

/// Names in a directory, sorted; of a huge one, some.
std::vector<std::string> names_in(const fs::path& directory)
{
    constexpr std::size_t most = 10'000;
    std::vector<std::string> names;
    std::error_code ec;
    for (fs::directory_iterator each(directory, ec), end;
         !ec && each != end && names.size() != most; each.increment(ec))
        names.push_back(each->path().filename().native());
    std::ranges::sort(names);
    return names;
}

/// A directory in `directory` that has a file of that name: of checkpoints, the last.
std::string subdirectory_with(const fs::path& directory, const fs::path& file)
{
    const auto step = [](std::string_view name) { // "checkpoint-500" behind "checkpoint-60"
        return std::pair(name.size(), name);
    };
    std::string best;
    for (const std::string& name : names_in(directory))
        if (is_there(directory / name / file) && (best.empty() || step(best) < step(name)))
            best = name;
    return best;
}

bool begins_with(const fs::path& file, std::string_view start)
{
    std::array<char, 64> read{};
    const int handle = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0)
        return false;
    const ::ssize_t got = ::pread(handle, read.data(), std::min(start.size(), read.size()), 0);
    ::close(handle);
    return got > 0 && std::string_view(read.data(), static_cast<std::size_t>(got)) == start;
}

/// What makes tokenizer.json of what is there in its place.
std::string hint_about_tokenizer(const fs::path& directory)
{
    for (const char* other : {"tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"})
        if (is_there(directory / other))
            return std::string("; there is ") + other +
                   ": python3 -c 'from transformers import AutoTokenizer as T; "
                   "T.from_pretrained(\".\").save_pretrained(\".\")' in that directory writes "
                   "tokenizer.json";
    return "; the base's repository has one";
}

} // namespace

std::string hint_about_missing(const fs::path& file, const file_rules& rules)
{
    const fs::path directory = file.parent_path(), name = file.filename();
    if (!is_admitted(directory, rules))
        return {};
    if (name == "tokenizer.json")
        return hint_about_tokenizer(directory);
    if (name != "config.json" && name != "model.safetensors" && name != "adapter_config.json")
        return {};
    std::string below = subdirectory_with(directory, name);
    if (below.empty() && name == "config.json") // a run's, with its adapters
        below = subdirectory_with(directory, "adapter_config.json");
    if (!below.empty())
        return "; " + (directory / below).native() + " looks like a model's directory: is it that?";
    if (name == "config.json" && is_there(directory / "adapter_config.json"))
        return "; with its adapter_config.json it is a LoRA adapter's directory: give it as the "
               "adapter";
    for (const std::string& each : names_in(directory))
        if (each.ends_with(".gguf"))
            return "; there is " + each + ", a GGUF file, " + gguf;
    return {};
}

std::string what_is_no_directory(const fs::path& place, const file_rules& rules)
{
    if (!is_there(place))
        return "there is nothing of that name";
    if (!is_admitted(place, rules))
        return "it is something else";
    if (begins_with(place, "GGUF"))
        return std::string("it is a GGUF file, ") + gguf;
    return "it is a file: give the directory that it is in";
}

} // namespace warmd::hf

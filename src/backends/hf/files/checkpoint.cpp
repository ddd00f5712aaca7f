#include "hf/files/checkpoint.hpp"

#include "hf/files/json_place.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace warmd::hf {

namespace {

constexpr const char* single_file = "model.safetensors";
constexpr const char* index_file = "model.safetensors.index.json";

failure broken(const std::filesystem::path& file, std::string_view what)
{
    return failure{errc::load_failed, file.native() + ": " + std::string(what)};
}

bool is_there(const std::filesystem::path& file)
{
    std::error_code ec;
    return std::filesystem::exists(file, ec);
}

bool is_plain_name(std::string_view name)
{
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

/// tensor -> shard file name, from an index.
result<std::map<std::string, std::string>> read_index(const std::filesystem::path& file,
                                                      const file_rules& rules)
{
    const auto index = read_json(file, rules);
    if (!index)
        return index.error();
    complaint wrong(file);
    const json_place weight_map = json_place(*index, "", wrong).object("weight_map");
    if (wrong)
        return wrong.first();
    std::map<std::string, std::string> shard_of;
    for (const auto& [tensor, shard] : weight_map.members()) {
        if (!shard.is_string() || !is_plain_name(shard.get_string()))
            return broken(file, "tensor " + shortened(tensor) +
                                    " must be in a file of this directory, without a path; found " +
                                    shortened(json::serialize(shard)));
        shard_of.emplace(tensor, shard.get_string());
    }
    return shard_of;
}

/// A file beside one that is not there which holds the same in a form that is not read; what turns
/// it into the one that is.
std::optional<failure> pickled_instead(const std::filesystem::path& missing)
{
    constexpr const char* whole = "python3 -c 'from transformers import AutoModelForCausalLM as M; "
                                  "M.from_pretrained(\".\").save_pretrained(\".\")'";
    constexpr const char* tensors =
        "python3 -c 'import torch, safetensors.torch as s; s.save_file(torch.load("
        "\"adapter_model.bin\", weights_only=True), \"adapter_model.safetensors\")'";
    for (const auto& [name, convert] : {std::pair{"pytorch_model.bin", whole},
                                        {"pytorch_model.bin.index.json", whole},
                                        {"adapter_model.bin", tensors}})
        if (const auto found = missing.parent_path() / name; is_there(found))
            return failure{errc::unsupported,
                           found.native() +
                               " is a pickle, which is not read: reading one can run code. In its "
                               "directory, " +
                               convert + " writes " + missing.filename().native()};
    return {};
}

} // namespace

result<checkpoint> checkpoint::open(const std::filesystem::path& directory, const file_rules& rules)
{
    if (is_there(directory / single_file) || !is_there(directory / index_file))
        return open_file(directory / single_file, rules);
    const auto shard_of = read_index(directory / index_file, rules);
    if (!shard_of)
        return shard_of.error();
    checkpoint opened;
    opened.path_ = directory / index_file;
    std::map<std::string, std::size_t> number;
    for (const auto& [tensor, shard] : *shard_of) {
        const auto [at, fresh] = number.emplace(shard, opened.shards_.size());
        if (fresh) {
            auto file = safetensors::open(directory / shard, rules);
            if (!file)
                return file.error();
            opened.shards_.push_back(std::move(*file));
        }
        if (!opened.shards_[at->second].tensors().contains(tensor))
            return broken(directory / shard, "tensor " + shortened(tensor) +
                                                 " is not in it, though the index says so");
        opened.where_.emplace(tensor, place{at->second, tensor});
    }
    return opened;
}

result<checkpoint> checkpoint::open_file(const std::filesystem::path& path, const file_rules& rules)
{
    auto file = safetensors::open(path, rules);
    if (const auto pickled =
            !file && !is_there(path) ? pickled_instead(path) : std::optional<failure>())
        return *pickled;
    if (!file)
        return file.error();
    checkpoint opened;
    opened.path_ = path;
    for (const auto& [name, info] : file->tensors())
        opened.where_.emplace(name, place{0, name});
    opened.shards_.push_back(std::move(*file));
    return opened;
}

std::vector<std::filesystem::path> checkpoint::files_of(const std::filesystem::path& directory,
                                                        const file_rules& rules)
{
    std::vector<std::filesystem::path> files{directory / single_file};
    if (is_there(files[0]))
        return files;
    files.push_back(directory / index_file);
    if (!is_there(files[1]))
        return files;
    if (const auto shard_of = read_index(files[1], rules)) {
        std::set<std::string> shards;
        for (const auto& [tensor, shard] : *shard_of)
            shards.insert(shard);
        for (const std::string& shard : shards)
            files.push_back(directory / shard);
    }
    return files;
}

std::optional<std::filesystem::path> checkpoint::unused_index(
    const std::filesystem::path& directory)
{
    const std::filesystem::path index = directory / index_file;
    return is_there(directory / single_file) && is_there(index) ? std::optional(index)
                                                                : std::nullopt;
}

result<void> checkpoint::rename(const std::function<std::string(std::string_view)>& by)
{
    std::map<std::string, place, std::less<>> renamed;
    for (auto& [name, at] : where_) {
        std::string now = by(name);
        if (now.empty())
            continue;
        const auto [there, fresh] = renamed.emplace(std::move(now), at);
        if (!fresh)
            return broken(path_, "tensors " + shortened(there->second.stored) + " and " +
                                     shortened(at.stored) + " are the same");
    }
    where_ = std::move(renamed);
    return {};
}

const tensor_info* checkpoint::find(std::string_view name) const
{
    const auto at = where_.find(name);
    return at == where_.end()
               ? nullptr
               : &shards_[at->second.shard].tensors().find(at->second.stored)->second;
}

result<void> checkpoint::require(const std::string& name,
                                 std::span<const std::uint64_t> shape) const
{
    const tensor_info* const info = find(name);
    if (!info)
        return broken(path_, "tensor " + shortened(name) + " is missing");
    if (!std::equal(shape.begin(), shape.end(), info->shape.begin(), info->shape.end()))
        return broken(file_of(name), "tensor " + shortened(name) + " has shape " +
                                         shape_text(info->shape) + ", expected " +
                                         shape_text(shape));
    if (info->dtype != "F32" && info->dtype != "BF16" && info->dtype != "F16")
        return failure{errc::unsupported, file_of(name) + ": tensor " + shortened(name) +
                                              " has dtype " + info->dtype +
                                              "; weights can be F32, BF16 or F16"};
    return {};
}

result<void> checkpoint::read(const std::string& name, std::uint64_t first,
                              std::span<float> to) const
{
    const place& at = where_.find(name)->second;
    return shards_[at.shard].read(at.stored, first, to);
}

result<void> checkpoint::read_stored(const std::string& name, std::uint64_t first,
                                     std::span<std::byte> to) const
{
    const place& at = where_.find(name)->second;
    return shards_[at.shard].read_stored(at.stored, first, to);
}

stored_as checkpoint::type_of(std::string_view name) const
{
    const std::string& dtype = find(name)->dtype;
    return dtype == "F32" ? stored_as::fp32 : dtype == "BF16" ? stored_as::bf16 : stored_as::fp16;
}

std::vector<std::string> checkpoint::names() const
{
    std::vector<std::string> all;
    for (const auto& [name, at] : where_)
        all.push_back(name);
    return all;
}

std::string checkpoint::file_of(std::string_view name) const
{
    const auto at = where_.find(name);
    return at == where_.end() ? path_.native() : shards_[at->second.shard].path().native();
}

} // namespace warmd::hf

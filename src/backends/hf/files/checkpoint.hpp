#pragma once
// The tensors of a model directory: model.safetensors, or, where there is none, the shards that
// model.safetensors.index.json names.

#include "hf/compute/matmul.hpp"
#include "hf/files/safetensors.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace warmd::hf {

class checkpoint {
public:
    /// Opens the weights of a model directory. An index may only name files of its own directory,
    /// and each of its tensors must be in the shard it names.
    static result<checkpoint> open(const std::filesystem::path& directory,
                                   const file_rules& rules = {});
    /// A single file on its own.
    static result<checkpoint> open_file(const std::filesystem::path& file,
                                        const file_rules& rules = {});
    /// The files open() would read, as far as they can be told: model.safetensors, and where there
    /// is none the index and its shards.
    static std::vector<std::filesystem::path> files_of(const std::filesystem::path& directory,
                                                       const file_rules& rules = {});
    /// An index that open() passes over, as Transformers does, since there is a model.safetensors
    /// beside it: left over from what was there before, as a rule.
    static std::optional<std::filesystem::path> unused_index(
        const std::filesystem::path& directory);

    /// Gives every tensor the name that by(name) returns; without one it is passed over.
    /// load_failed if two would have one name.
    result<void> rename(const std::function<std::string(std::string_view name)>& by);

    /// Null if there is no such tensor.
    const tensor_info* find(std::string_view name) const;
    /// load_failed unless `name` is there with exactly this shape, in a dtype that weights can
    /// have.
    result<void> require(const std::string& name, std::span<const std::uint64_t> shape) const;
    /// The whole tensor in fp32. REQUIRES: require()d, and to.size() elements.
    result<void> read(const std::string& name, std::span<float> to) const
    {
        return read(name, 0, to);
    }
    /// Elements from number `first` on. May be called from several threads at once.
    result<void> read(const std::string& name, std::uint64_t first, std::span<float> to) const;
    /// How it is stored. REQUIRES: require()d.
    stored_as type_of(std::string_view name) const;
    /// The same as stored.
    result<void> read_stored(const std::string& name, std::uint64_t first,
                             std::span<std::byte> to) const;
    /// Every tensor's name, in byte order.
    std::vector<std::string> names() const;
    /// The file that `name` is in, for messages.
    std::string file_of(std::string_view name) const;
    /// For messages about tensors that are not there.
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    std::vector<safetensors> shards_;
    struct place {
        std::size_t shard;
        std::string stored; // its name there
    };
    std::map<std::string, place, std::less<>> where_; // by name
};

} // namespace warmd::hf

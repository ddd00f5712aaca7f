#pragma once
// Safetensors files taken apart and put together again, for tests that change them.

#include "support/scratch.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace warmd::test {

struct stored_tensor {
    std::string dtype; ///< as the file spells it
    std::vector<std::uint64_t> shape;
    std::string bytes;

    /// REQUIRES: dtype is F32.
    std::vector<float> values() const
    {
        std::vector<float> all(bytes.size() / sizeof(float));
        std::memcpy(all.data(), bytes.data(), bytes.size());
        return all;
    }
    void set(const std::vector<float>& all)
    {
        bytes.assign(reinterpret_cast<const char*>(all.data()), all.size() * sizeof(float));
    }
};

inline stored_tensor tensor_of(std::vector<std::uint64_t> shape, const std::vector<float>& values)
{
    stored_tensor made{"F32", std::move(shape), {}};
    made.set(values);
    return made;
}

using tensor_file = std::map<std::string, stored_tensor>;

inline tensor_file read_tensors(const std::filesystem::path& file)
{
    std::ifstream in(file, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    std::uint64_t length = 0;
    std::memcpy(&length, all.data(), sizeof length);
    tensor_file tensors;
    const json::value header = parse_json(all.substr(sizeof length, length)).value();
    for (const auto& [name, info] : header.as_object()) {
        if (name == "__metadata__")
            continue;
        const auto range = json::value_to<std::vector<std::uint64_t>>(info.at("data_offsets"));
        tensors[name] = {json::value_to<std::string>(info.at("dtype")),
                         json::value_to<std::vector<std::uint64_t>>(info.at("shape")),
                         all.substr(sizeof length + length + range.at(0), range.at(1) - range[0])};
    }
    return tensors;
}

inline void write_tensors(const std::filesystem::path& file, const tensor_file& tensors)
{
    json::object header;
    std::string data;
    for (const auto& [name, tensor] : tensors) {
        const std::uint64_t begin = data.size();
        data += tensor.bytes;
        header[name] = {{"dtype", tensor.dtype},
                        {"shape", json::value_from(tensor.shape)},
                        {"data_offsets", {begin, data.size()}}};
    }
    std::string text = json::serialize(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    write_file(file,
               std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + data);
}

} // namespace warmd::test

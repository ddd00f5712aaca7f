#pragma once
// The safetensors file format: u64 little-endian header length, JSON header, tensor bytes
// (https://huggingface.co/docs/safetensors). Files are untrusted; every violation is load_failed
// and names the file and the tensor.

#include "hf/files/input_file.hpp"

#include <warmd/error.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace warmd::hf {

/// Where one tensor lies and what it is.
struct tensor_info {
    std::string dtype;                ///< as the file spells it: F32, BF16, F16, ...
    std::vector<std::uint64_t> shape; ///< row-major
    std::uint64_t offset = 0;         ///< of its first byte in the file
    std::uint64_t bytes = 0;          ///< product of the shape times the size of dtype

    std::uint64_t elements() const;
};

/// "[2, 3]", for messages.
std::string shape_text(std::span<const std::uint64_t> shape);

/// An opened safetensors file whose header has passed every check: header within the file and at
/// most 100 MB, names unique, sizes as shape and dtype say, and the tensors cover the data exactly,
/// without overlap.
class safetensors {
public:
    static result<safetensors> open(const std::filesystem::path& path,
                                    const file_rules& rules = {});

    const std::filesystem::path& path() const { return file_.path(); }
    const std::map<std::string, tensor_info, std::less<>>& tensors() const { return tensors_; }
    /// The tensor's elements from number `first` on, converted to fp32, which is exact.
    /// REQUIRES: it is one of this file's, of dtype F32, BF16 or F16, and has first + to.size()
    /// elements.
    result<void> read(const std::string& name, std::uint64_t first, std::span<float> to) const;
    /// The same as stored. REQUIRES: it is one of this file's, and has first elements and to.size()
    /// bytes after them.
    result<void> read_stored(const std::string& name, std::uint64_t first,
                             std::span<std::byte> to) const;

private:
    safetensors(input_file file, std::map<std::string, tensor_info, std::less<>> tensors)
        : file_(std::move(file)), tensors_(std::move(tensors))
    {
    }

    input_file file_;
    std::map<std::string, tensor_info, std::less<>> tensors_;
};

} // namespace warmd::hf

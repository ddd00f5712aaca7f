#pragma once
// A file opened for reading at any offset. Model files are read, not mapped: a mapped file that
// somebody truncates kills the process with SIGBUS, a read of it merely comes up short.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace warmd::hf {

class input_file {
public:
    /// Opens a regular file that `rules` admit. load_failed names the path and the system's reason.
    static result<input_file> open(const std::filesystem::path& path, const file_rules& rules = {});

    input_file(input_file&& other) noexcept;
    input_file& operator=(input_file&& other) noexcept;
    ~input_file();

    const std::filesystem::path& path() const { return path_; }
    std::uint64_t size() const { return size_; } ///< bytes, when it was opened
    /// Fills `to` from byte `offset` on. load_failed if the file ends before that.
    result<void> read(std::uint64_t offset, std::span<std::byte> to) const;

private:
    input_file(std::filesystem::path path, int handle, std::uint64_t size)
        : path_(std::move(path)), handle_(handle), size_(size)
    {
    }
    bool is_lfs_pointer() const;

    std::filesystem::path path_;
    int handle_ = -1;
    std::uint64_t size_ = 0;
};

/// A whole file of at most `limit` bytes as text.
result<std::string> read_text(const std::filesystem::path& path, std::uint64_t limit,
                              const file_rules& rules = {});

} // namespace warmd::hf

#pragma once
// What fuzz targets share: their input as text, and as files where a reader wants a path.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace warmd::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

/// The input before and after the first `separator`; all of it is before where there is none.
inline std::pair<std::string_view, std::string_view> split(std::string_view input,
                                                           std::string_view separator)
{
    const std::size_t at = input.find(separator);
    return at == std::string_view::npos
               ? std::pair(input, std::string_view())
               : std::pair(input.substr(0, at), input.substr(at + separator.size()));
}

/// A directory in memory, removed at the end of the process.
class memory_directory {
public:
    memory_directory() : path("/dev/shm/warmd-fuzz-" + std::to_string(::getpid()))
    {
        std::filesystem::create_directories(path);
    }
    ~memory_directory()
    {
        std::error_code ec;
        std::filesystem::remove_all(path, ec);
    }
    memory_directory(const memory_directory&) = delete;
    memory_directory& operator=(const memory_directory&) = delete;

    std::filesystem::path write(std::string_view name, std::string_view content) const
    {
        std::filesystem::path file = path / name;
        // A stream's buffer takes longer than the file.
        const int to = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (::write(to, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            std::abort();
        ::close(to);
        return file;
    }
    const std::filesystem::path path;
};

/// A promise that did not hold is a crash.
inline void check(bool holds, std::string_view promise)
{
    if (holds)
        return;
    std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()),
                 promise.data());
    std::abort();
}

} // namespace warmd::fuzz

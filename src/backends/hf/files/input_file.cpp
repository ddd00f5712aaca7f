#include "hf/files/input_file.hpp"

#include "hf/files/instead.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace warmd::hf {

namespace {

failure unreadable(const std::filesystem::path& path, std::string_view why)
{
    return failure{errc::load_failed, path.native() + ": " + std::string(why)};
}

std::string system_reason() { return std::generic_category().message(errno); }

} // namespace

result<input_file> input_file::open(const std::filesystem::path& path, const file_rules& rules)
{
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    const int handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0) {
        const int why = errno;
        return unreadable(path, std::generic_category().message(why) +
                                    (why == ENOENT ? hint_about_missing(path, rules) : ""));
    }
    input_file opened(path, handle, 0);
    struct stat facts {};
    if (::fstat(handle, &facts) != 0)
        return unreadable(path, system_reason());
    if (!rules.admit(handle)) // a symbolic link may have been swapped since its path was looked at
        return unreadable(path, "it leads out of the directories that models may be loaded from");
    if (!S_ISREG(facts.st_mode))
        return unreadable(path, "not a regular file");
    opened.size_ = static_cast<std::uint64_t>(facts.st_size);
    if (opened.is_lfs_pointer())
        return unreadable(path, "it is git-lfs's note of a file, not the file, which was not "
                                "downloaded: 'git lfs pull' in its directory gets it");
    return opened;
}

input_file::input_file(input_file&& other) noexcept
    : path_(std::move(other.path_)), handle_(std::exchange(other.handle_, -1)), size_(other.size_)
{
}

input_file& input_file::operator=(input_file&& other) noexcept
{
    std::swap(path_, other.path_);
    std::swap(handle_, other.handle_);
    std::swap(size_, other.size_);
    return *this;
}

input_file::~input_file()
{
    if (handle_ >= 0)
        ::close(handle_);
}

bool input_file::is_lfs_pointer() const
{
    constexpr std::uint64_t longest = 1024; // git-lfs, docs/spec.md
    if (size_ < lfs_pointer.size() || size_ >= longest)
        return false;
    std::string start(lfs_pointer.size(), '\0');
    return read(0, std::as_writable_bytes(std::span(start))) && start == lfs_pointer;
}

result<void> input_file::read(std::uint64_t offset, std::span<std::byte> to) const
{
    while (!to.empty()) {
        const std::size_t piece = std::min<std::size_t>(to.size(), 64 << 20);
        const ::ssize_t got = ::pread(handle_, to.data(), piece, static_cast<::off_t>(offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return unreadable(path_, system_reason());
        if (got == 0)
            return unreadable(path_, "truncated: it ends at byte " + std::to_string(offset) + ", " +
                                         std::to_string(to.size()) + " bytes too early");
        to = to.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return {};
}

result<std::string> read_text(const std::filesystem::path& path, std::uint64_t limit,
                              const file_rules& rules)
{
    const auto file = input_file::open(path, rules);
    if (!file)
        return file.error();
    if (file->size() > limit)
        return unreadable(path, std::to_string(file->size()) + " bytes, more than the limit of " +
                                    std::to_string(limit));
    std::string text(file->size(), '\0');
    if (auto read = file->read(0, std::as_writable_bytes(std::span(text))); !read)
        return read.error();
    return text;
}

} // namespace warmd::hf

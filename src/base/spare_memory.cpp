#include "base/spare_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

#ifdef __GLIBC__ // which any of the headers above defines
#include <malloc.h>
#endif

namespace warmd {

void give_memory_back() noexcept
{
#if defined(__GLIBC__) && !defined(WARMD_SANITIZED)
    ::malloc_trim(0);
#endif
}

std::uint64_t resident_bytes() noexcept
{
    const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (statm < 0)
        return 0;
    std::array<char, 128> text{};
    const ssize_t size = ::read(statm, text.data(), text.size());
    ::close(statm);
    const char* const end = text.data() + (size > 0 ? size : 0);
    std::uint64_t all = 0, resident = 0; // in pages, the first two numbers
    const auto first = std::from_chars(text.data(), end, all);
    if (first.ec != std::errc() || first.ptr == end ||
        std::from_chars(first.ptr + 1, end, resident).ec != std::errc())
        return 0;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace warmd

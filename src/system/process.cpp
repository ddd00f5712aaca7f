#include "system/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#ifdef __GLIBC__ // which any of the headers above defines
#include <malloc.h>
#endif

namespace warmd {

namespace {

/// Names of the variables by which libgomp is told how to behave.
std::vector<std::string> openmp_settings()
{
    std::vector<std::string> names;
    for (char** each = ::environ; each && *each; ++each) {
        const std::string_view all(*each);
        const std::string_view name = all.substr(0, all.find('='));
        if (name.starts_with("OMP_") || name.starts_with("GOMP_"))
            names.emplace_back(name);
    }
    return names;
}

/// A descriptor for the same, with modes of its own where it is a pipe or a terminal: whoever
/// shares ours would be surprised to find it not to block.
int of_our_own(int descriptor, int access)
{
    struct stat about {};
    if (::fstat(descriptor, &about) != 0)
        return -1;
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    const int opened = S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)
                           ? ::open(path.c_str(), access | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                           : -1;
    return opened >= 0 ? opened : ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

} // namespace

void ignore_openmp_settings(char** arguments)
{
    const std::vector<std::string> set = openmp_settings();
    if (set.empty())
        return;
    for (const std::string& name : set)
        ::unsetenv(name.c_str());
    std::error_code ec;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", ec); // by its name, for ps
    ::execv(program.c_str(), arguments); // comes back only if it cannot
}

void unblock_signals()
{
    sigset_t handled;
    ::sigemptyset(&handled);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&handled, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
}

void forbid_memory_dumps() { ::prctl(PR_SET_DUMPABLE, 0); }

std::optional<own_streams> take_standard_streams()
{
    const own_streams taken{of_our_own(STDIN_FILENO, O_RDONLY),
                            of_our_own(STDOUT_FILENO, O_WRONLY)};
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const bool moved = nothing >= 0 && ::dup2(nothing, STDIN_FILENO) >= 0 &&
                       ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
    if (nothing > STDERR_FILENO)
        ::close(nothing);
    return moved && taken.in >= 0 && taken.out >= 0 ? std::optional(taken) : std::nullopt;
}

void raise_descriptor_limit()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void give_large_blocks_back_at_once()
{
#ifdef __GLIBC__
    ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

} // namespace warmd

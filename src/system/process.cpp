#include "system/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
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

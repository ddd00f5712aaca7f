#include "system/prompt_thread.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace warmd {

namespace {

/// As the kernel has it (include/uapi/linux/sched/types.h); the C library does not.
struct scheduling {
    std::uint32_t size = sizeof(scheduling);
    std::uint32_t policy = 0; // SCHED_OTHER
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0, deadline = 0, period = 0; // nanoseconds
};

} // namespace

void run_promptly() noexcept
{
    scheduling wanted;
    wanted.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    wanted.runtime = 100'000;
    ::syscall(SYS_sched_setattr, 0, &wanted, 0U);
}

} // namespace warmd

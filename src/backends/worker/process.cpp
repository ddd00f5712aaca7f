#include "worker/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <system_error>

namespace warmd::worker {

namespace {

/// Of a process whose threads may compute: it yields to ours.
constexpr int polite = 10;
constexpr int pipe_bytes = 1 << 20;

struct pipe_ends {
    descriptor ours, theirs;
};

result<pipe_ends> open_pipe(bool we_read)
{
    int both[2];
    if (::pipe2(both, O_CLOEXEC) != 0)
        return failure{errc::backend_failed,
                       "there is no pipe to be had: " + std::generic_category().message(errno)};
    pipe_ends made{descriptor(both[we_read ? 0 : 1]), descriptor(both[we_read ? 1 : 0])};
    ::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(made.ours.get(), F_SETPIPE_SZ, pipe_bytes); // fewer turns for large answers, if it may
    return made;
}

std::vector<char*> pointers(const std::vector<std::string>& texts)
{
    std::vector<char*> all;
    for (const std::string& each : texts)
        all.push_back(const_cast<char*>(each.c_str()));
    all.push_back(nullptr);
    return all;
}

/// All that the child needs: it shares our memory until it runs the program, and may not allocate.
struct prepared {
    const char* program;
    char* const* arguments;
    char* const* environment;
    std::array<int, 3> streams;
    pid_t parent;
    rlim_t max_bytes;
};

/// Ignored signals and a blocked one would be inherited.
void reset_signals() noexcept
{
    for (int each = 1; each < NSIG; ++each)
        ::signal(each, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// In the child: system calls only. Comes back, with errno, if the program cannot be run.
void become(const prepared& what) noexcept
{
    reset_signals();
    if (::setpgid(0, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return;
    if (::getppid() != what.parent) // it ended before that took effect
        ::_exit(127);
    for (int each = 0; each != 3; ++each)
        if (::dup2(what.streams[static_cast<std::size_t>(each)], each) < 0)
            return;
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    const rlimit space{what.max_bytes, what.max_bytes}, no_core{0, 0};
    if (what.max_bytes != 0 && ::setrlimit(RLIMIT_AS, &space) != 0)
        return;
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::setpriority(PRIO_PROCESS, 0, polite);
    if (::chdir("/") == 0)
        ::execve(what.program, what.arguments, what.environment);
}

/// The child, or -1 with errno. As with vfork(2), the memory is ours until the child runs its
/// program: copying the page tables of a process that is full of weights would take long.
pid_t spawn(const prepared& what) noexcept
{
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before); // no handler of ours runs in the child
    volatile int error = 0;
    const pid_t child = ::vfork();
    if (child == 0) {
        become(what);
        error = errno;
        ::_exit(127);
    }
    const int failed = child < 0 ? errno : error;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (child > 0 && failed != 0)
        ::waitpid(child, nullptr, 0);
    errno = failed;
    return failed != 0 ? -1 : child;
}

} // namespace

descriptor::~descriptor()
{
    if (number_ >= 0)
        ::close(number_);
}

result<process> process::start(const launch& what)
{
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    auto in = open_pipe(false), out = open_pipe(true), err = open_pipe(true);
    for (const auto* each : {&in, &out, &err})
        if (!*each)
            return each->error();
    const auto arguments = pointers(what.command), environment = pointers(what.environment);
    const prepared ready{.program = what.command.front().c_str(),
                         .arguments = arguments.data(),
                         .environment = environment.data(),
                         .streams = {in->theirs.get(), out->theirs.get(), err->theirs.get()},
                         .parent = ::getpid(),
                         .max_bytes = what.max_bytes};
    process made;
    made.id_ = spawn(ready);
    if (made.id_ < 0)
        return failure{errc::backend_failed, what.command.front() + " could not be run: " +
                                                 std::generic_category().message(errno)};
    made.ended = descriptor(static_cast<int>(::syscall(SYS_pidfd_open, made.id_, 0U)));
    if (made.ended.get() < 0) {
        const int error = errno;
        made.finish();
        return failure{errc::backend_failed, "there is no descriptor of a process to be had: " +
                                                 std::generic_category().message(error)};
    }
    made.in = std::move(in->ours);
    made.out = std::move(out->ours);
    made.err = std::move(err->ours);
    return made;
}

/// One that has left its own group is ours all the same.
void process::signal(int number) const noexcept
{
    if (::kill(-id_, number) != 0)
        ::kill(id_, number);
}

std::string process::how_it_ended() const
{
    siginfo_t about{};
    if (::waitid(P_PID, static_cast<id_t>(id_), &about, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        about.si_pid == 0)
        return {};
    const std::string number = std::to_string(about.si_status);
    if (about.si_code == CLD_EXITED)
        return "ended with status " + number;
    return "was ended by signal " + number + " (" + ::strsignal(about.si_status) + ')';
}

/// The first of the group is waited for as the others are: until then its number is nobody else's,
/// and no stranger is hit.
void process::finish() const noexcept
{
    signal(SIGKILL);
    siginfo_t about{};
    const auto id = static_cast<id_t>(id_);
    while (::waitid(P_PGID, id, &about, WEXITED) == 0 || errno == EINTR) {
    }
    while (::waitid(P_PID, id, &about, WEXITED) == 0 || errno == EINTR) { // not of the group
    }
}

std::vector<std::string> clean_environment(
    const std::vector<std::pair<std::string, std::string>>& more)
{
    std::map<std::string, std::string> all{{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
    for (const char* name : {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"})
        if (const char* value = std::getenv(name))
            all[name] = value;
    for (const auto& [name, value] : more)
        all[name] = value;
    std::vector<std::string> texts;
    for (const auto& [name, value] : all)
        texts.push_back(name + '=' + value);
    return texts;
}

result<std::string> find_program(const std::string& program)
{
    if (program.find('/') != program.npos)
        return program;
    const char* const path = std::getenv("PATH");
    std::string_view left = path ? path : "/usr/local/bin:/usr/bin:/bin";
    while (!left.empty()) {
        const std::string_view directory = left.substr(0, left.find(':'));
        left.remove_prefix(std::min(directory.size() + 1, left.size()));
        const std::string found = std::string(directory) + '/' + program;
        if (directory.starts_with('/') && ::access(found.c_str(), X_OK) == 0)
            return found;
    }
    return failure{errc::not_found, "there is no program '" + program + "' in PATH"};
}

} // namespace warmd::worker

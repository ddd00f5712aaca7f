#include "warmctl/starting.hpp"

#include "warmctl/format.hpp"

#include "base/config.hpp"
#include <warmd/client.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace warmd::ctl {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

fs::path program()
{
    std::error_code ec;
    const fs::path beside = fs::read_symlink("/proc/self/exe", ec).parent_path() / "warmd";
    return !ec && ::access(beside.c_str(), X_OK) == 0 ? beside : "warmd";
}

/// In the child: becomes the daemon, or ends.
[[noreturn]] void become(const fs::path& daemon, const std::string& socket, int log)
{
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::setsid();
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);
    std::string at = socket;
    std::string name = daemon.native(), option = "--socket";
    char* const words[] = {name.data(), option.data(), at.data(), nullptr};
    ::execvp(name.c_str(), words);
    ::_exit(127);
}

std::string last_line(const fs::path& file)
{
    std::ifstream in(file);
    std::string line, last;
    while (std::getline(in, line))
        if (!line.empty())
            last = line;
    return last;
}

} // namespace

result<fs::path> state_directory()
{
    const std::string state = environment("XDG_STATE_HOME"), home = environment("HOME");
    if (!state.starts_with('/') && home.empty())
        return failure{errc::disconnected, "there is no place to write to: HOME is not set"};
    const fs::path at =
        (state.starts_with('/') ? fs::path(state) : fs::path(home) / ".local/state") / "warmd";
    std::error_code ec;
    fs::create_directories(at, ec);
    if (ec)
        return failure{errc::disconnected, "cannot make " + at.native() + ": " + ec.message()};
    return at;
}

result<void> start_daemon(const std::string& socket)
{
    const auto place = state_directory();
    if (!place)
        return place.error();
    const fs::path log_file = *place / "warmd.log";
    const int out = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return failure{errc::disconnected, "cannot write to " + log_file.native()};
    const fs::path daemon = program();
    const pid_t child = ::fork();
    if (child == 0)
        become(daemon, socket, out);
    ::close(out);
    if (child < 0)
        return failure{errc::disconnected, "cannot start a process"};
    for (const auto end = std::chrono::steady_clock::now() + 30s;
         std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(20ms)) {
        if (client::connect(socket, 1s))
            return {};
        int status = 0;
        if (::waitpid(child, &status, WNOHANG) == child)
            return failure{errc::disconnected, daemon.native() + " ended at once: " +
                                                   (WIFEXITED(status) && WEXITSTATUS(status) == 127
                                                        ? "there is no such program"
                                                        : visible(last_line(log_file)))};
    }
    return failure{errc::disconnected,
                   daemon.native() + " does not answer; its log is " + log_file.native()};
}

std::string how_to_start(const std::string& socket)
{
    const bool is_default = socket == default_socket_path();
    std::string said = "to start one: warmctl --start";
    if (!is_default)
        said += " --socket " + visible(socket);
    said += " COMMAND, or warmd";
    if (!is_default)
        said += " --socket " + visible(socket);
    said += " &";
    std::error_code ec;
    if (is_default && fs::exists("/run/systemd/system", ec) &&
        fs::exists("/usr/lib/systemd/user/warmd.socket", ec))
        said += "; at every login: systemctl --user enable --now warmd.socket";
    return said;
}

} // namespace warmd::ctl

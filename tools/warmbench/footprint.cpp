// warmbench footprint: how soon warmd answers, and what it holds while it does nothing.

#include "contestants.hpp"
#include "options.hpp"
#include "subcommands.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace warmbench {

namespace {

struct footprint_options {
    std::string warmd = warmd_beside();
    std::size_t connections = 10'000;
    int repeat = 11;
};

constexpr std::string_view health = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\"}\n";

/// From fork to the first answer, in milliseconds.
double start_up(const std::string& program)
{
    const scratch in;
    const auto start = std::chrono::steady_clock::now();
    const child warmd = start_warmd(program, in, -1);
    wait_for(warmd_socket(in));
    ask(warmd_socket(in), std::string(health), "\n");
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

void print_memory(const footprint_options& options)
{
    const scratch in;
    const child warmd = start_warmd(options.warmd, in, -1);
    wait_for(warmd_socket(in));
    ask(warmd_socket(in), std::string(health), "\n");
    const std::size_t idle = warmd.rss();
    std::printf("resident, idle, no model: %.1f MB\n", static_cast<double>(idle) / 1e6);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    std::vector<int> open;
    for (std::size_t i = 0; i != options.connections; ++i)
        open.push_back(connect_to(warmd_socket(in)));
    ask(warmd_socket(in), std::string(health), "\n"); // behind them in the line: all are accepted
    const std::size_t connected = warmd.rss();
    for (const int fd : open) {
        char reply[4096];
        if (::write(fd, health.data(), health.size()) < 0 || ::read(fd, reply, sizeof reply) <= 0)
            throw std::runtime_error("a connection was not answered");
    }
    const std::size_t used = warmd.rss();
    const auto each = [&](std::size_t bytes) {
        return static_cast<double>(bytes - idle) / 1e3 / static_cast<double>(open.size());
    };
    std::printf(
        "resident for each of %zu idle connections: %.2f KB, after a request on each: %.2f KB\n",
        open.size(), each(connected), each(used));
    for (const int fd : open)
        ::close(fd);
}

} // namespace

int footprint(int count, char** arguments)
{
    footprint_options options;
    option_reader known(arguments[0]);
    known.add("warmd", options.warmd, "the daemon to measure")
        .add("connections", options.connections, "idle connections")
        .add("repeat", options.repeat, "starts; the median counts");
    if (!known.read(count, arguments))
        return 0;
    std::vector<double> times;
    for (int i = 0; i != options.repeat; ++i)
        times.push_back(start_up(options.warmd));
    std::sort(times.begin(), times.end());
    std::printf("exec to first answer: %.1f ms (median of %d, %.1f to %.1f)\n",
                times[times.size() / 2], options.repeat, times.front(), times.back());
    print_memory(options);
    return 0;
}

} // namespace warmbench

// warmbench scale: what many waiters, many entries and a large reply cost.

#include "contestants.hpp"
#include "options.hpp"
#include "subcommands.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <thread>

namespace warmbench {

namespace {

using clock = std::chrono::steady_clock;

struct scale_options {
    std::string warmd = warmd_beside();
    std::size_t waiters = 10'000, entries = 100'000, prompts = 10'000;
    int repeat = 5;
};

double milliseconds(clock::duration time)
{
    return std::chrono::duration<double, std::milli>(time).count();
}

std::string load_of(const std::string& base, const std::string& options = "{}")
{
    return R"({"jsonrpc":"2.0","id":1,"method":"load","params":{"model":{"kind":"dummy","base":")" +
           base + R"(","options":)" + options + "}}}\n";
}

void send_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0)
            throw std::runtime_error("cannot send a request");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

/// Reads until `lines` lines have come; how many bytes they were.
std::size_t receive_lines(int fd, std::size_t lines)
{
    static thread_local std::vector<char> space(
        1 << 20); // made once: it costs more than what is measured
    std::size_t bytes = 0;
    while (lines != 0) {
        const ssize_t n = ::recv(fd, space.data(), space.size(), 0);
        if (n <= 0)
            throw std::runtime_error("the server hung up");
        bytes += static_cast<std::size_t>(n);
        lines -= std::min(
            lines, static_cast<std::size_t>(std::count(space.begin(), space.begin() + n, '\n')));
    }
    return bytes;
}

/// Many connections ask for one model that takes a while to load; from the end of the load to the
/// last answer.
void measure_waiters(const scale_options& options)
{
    constexpr std::chrono::milliseconds load_time{3000};
    const scratch in;
    const child warmd = start_warmd(options.warmd, in, -1);
    wait_for(warmd_socket(in));
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<int> open;
    const auto asked = clock::now(); // the load begins with the first request
    for (std::size_t i = 0; i != options.waiters; ++i) {
        open.push_back(connect_to(warmd_socket(in)));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = open.back();
        ::epoll_ctl(poll, EPOLL_CTL_ADD, open.back(), &event);
        send_all(open.back(), load_of("/models/cold",
                                      R"({"load_ms":)" + std::to_string(load_time.count()) + '}'));
    }
    if (clock::now() - asked > load_time)
        throw std::runtime_error("not all could ask while the model was being loaded");
    std::vector<epoll_event> events(1024);
    for (std::size_t left = open.size(); left != 0;) {
        const int ready =
            ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 60'000);
        if (ready <= 0)
            throw std::runtime_error("a waiter was not answered");
        for (int i = 0; i != ready; ++i)
            receive_lines(events[static_cast<std::size_t>(i)].data.fd, 1);
        left -= static_cast<std::size_t>(ready);
    }
    const double after = milliseconds(clock::now() - asked - load_time);
    const std::string stats =
        ask(warmd_socket(in), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats\"}\n", "\n");
    const std::size_t at = stats.find("\"loads_total\":");
    std::printf("%zu waiters on one load: all answered %.0f ms after its end, %s\n", open.size(),
                after, stats.substr(at, stats.find(',', at) - at).c_str());
    for (const int fd : open)
        ::close(fd);
    ::close(poll);
}

void fill(const std::string& socket_path, std::size_t entries)
{
    constexpr std::size_t at_once = 500;
    const int fd = connect_to(socket_path);
    for (std::size_t i = 0; i < entries; i += at_once) {
        std::string requests;
        const std::size_t count = std::min(at_once, entries - i);
        for (std::size_t j = 0; j != count; ++j)
            requests += load_of("/models/" + std::to_string(i + j));
        send_all(fd, requests);
        receive_lines(fd, count);
    }
    ::close(fd);
}

/// A hit's processor time with many entries beside it, by that with one.
void measure_entries(const scale_options& options)
{
    const scratch few_in, many_in;
    const child few = start_warmd(options.warmd, few_in, 0),
                many = start_warmd(options.warmd, many_in, 0);
    wait_for(warmd_socket(few_in));
    wait_for(warmd_socket(many_in));
    const exchange hit = warmd_exchange("load", false);
    for (const scratch* each : {&few_in, &many_in})
        ask(warmd_socket(*each), hit.request, "\n");
    fill(warmd_socket(few_in), 1);
    const auto start = clock::now();
    fill(warmd_socket(many_in), options.entries);
    std::printf("%zu models loaded one after the other: %.1f us each\n", options.entries,
                milliseconds(clock::now() - start) * 1e3 / static_cast<double>(options.entries));
    generator to_few(warmd_socket(few_in), hit, {50, 1}),
        to_many(warmd_socket(many_in), hit, {50, 1});
    std::vector<double> ratios;
    for (int i = 0; i != options.repeat; ++i) {
        const auto cost = [](const child& server, generator& load) {
            const auto before = server.cpu_time();
            const measured one = load.run(std::chrono::milliseconds(300));
            return static_cast<double>((server.cpu_time() - before).count()) /
                   static_cast<double>(one.latency.total());
        };
        const double without = cost(few, to_few);
        ratios.push_back(cost(many, to_many) / without);
    }
    std::sort(ratios.begin(), ratios.end());
    std::printf("a hit with %zu entries costs %.2f times what it costs with 2 (processor time, "
                "median of %d)\n",
                options.entries, ratios[ratios.size() / 2], options.repeat);
}

/// One large reply, and another client's hits meanwhile.
void measure_large_reply(const scale_options& options)
{
    const scratch in;
    const child warmd = start_warmd(options.warmd, in, 0);
    wait_for(warmd_socket(in));
    const exchange hit = warmd_exchange("load", false);
    ask(warmd_socket(in), hit.request, "\n");
    std::string request =
        R"({"jsonrpc":"2.0","id":1,"method":"next_token","params":{"model":{"kind":"dummy",)"
        R"("base":"/models/bench"},"prompts":[)";
    for (std::size_t i = 0; i != options.prompts; ++i)
        request += (i == 0 ? "\"prompt " : ",\"prompt ") + std::to_string(i) + '"';
    request += "]}}\n";
    histogram latency;
    clock::duration sending{};
    std::size_t bytes = 0;
    std::thread hits([&] {
        generator load(warmd_socket(in), hit, {1, 1});
        latency = load.run(std::chrono::seconds(2)).latency;
    });
    const int fd = connect_to(warmd_socket(in));
    send_all(fd, request);
    char first = 0;
    bytes += static_cast<std::size_t>(std::max<ssize_t>(::recv(fd, &first, 1, 0), 0));
    const auto start = clock::now();
    bytes += receive_lines(fd, 1);
    sending = clock::now() - start;
    hits.join();
    ::close(fd);
    std::printf("a reply of %.1f MB left at %.0f MB/s; another client's hits meanwhile: p99 %.2f "
                "ms, p99.9 %.2f ms\n",
                static_cast<double>(bytes) / 1e6,
                static_cast<double>(bytes) / 1e3 / milliseconds(sending),
                latency.microseconds(0.99) / 1e3, latency.microseconds(0.999) / 1e3);
}

} // namespace

int scale(int count, char** arguments)
{
    scale_options options;
    option_reader known(arguments[0]);
    known.add("warmd", options.warmd, "the daemon to measure")
        .add("waiters", options.waiters, "connections that wait for one load")
        .add("entries", options.entries, "dummy models resident")
        .add("prompts", options.prompts, "of one next_token request, 256 numbers for each")
        .add("repeat", options.repeat, "slices; the median counts");
    if (!known.read(count, arguments))
        return 0;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    measure_waiters(options);
    measure_entries(options);
    measure_large_reply(options);
    return 0;
}

} // namespace warmbench

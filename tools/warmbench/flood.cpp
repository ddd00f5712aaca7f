// warmbench flood: what another client's hits feel of one that does its worst, and what memory the
// daemon keeps of it.

#include "contestants.hpp"
#include "options.hpp"
#include "subcommands.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>

namespace warmbench {

namespace {

using clock = std::chrono::steady_clock;

struct flood_options {
    std::string warmd = warmd_beside(), only;
    int repeat = 5;
};

// -- the client that does its worst ------------------------------------------------------------

/// A connection that waits for nothing longer than `patience`.
class abuser {
public:
    explicit abuser(const std::string& socket_path) : fd_(connect_to(socket_path)) {}
    ~abuser() { ::close(fd_); }
    abuser(const abuser&) = delete;
    abuser& operator=(const abuser&) = delete;

    void send(std::string_view bytes) const
    {
        while (!bytes.empty()) {
            const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0)
                return; // refused, and closed
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// Reads and forgets until so many lines have ended.
    void receive(std::size_t lines) const
    {
        static thread_local std::array<char, 1 << 16> space;
        while (lines != 0) {
            pollfd one{fd_, POLLIN, 0};
            const ssize_t n =
                ::poll(&one, 1, patience) == 1 ? ::recv(fd_, space.data(), space.size(), 0) : 0;
            if (n <= 0)
                throw std::runtime_error("no answer to a flood");
            lines -= std::min(lines, static_cast<std::size_t>(
                                         std::count(space.begin(), space.begin() + n, '\n')));
        }
    }

private:
    static constexpr int patience = 30'000;
    const int fd_;
};

/// What stays open until memory has been looked at.
using connections = std::vector<std::unique_ptr<abuser>>;

connections one(const std::string& at)
{
    connections made;
    made.push_back(std::make_unique<abuser>(at));
    return made;
}

std::string call(std::size_t id, const std::string& method, const std::string& params = "{}")
{
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + method +
           R"(","params":)" + params + '}';
}

std::string batch_of(std::size_t count, const std::string& method)
{
    std::string all = "[";
    for (std::size_t i = 0; i != count; ++i)
        all += (i == 0 ? "" : ",") + call(i, method);
    return all + "]\n";
}

/// "[0,0,…": 15.8 MB, within max_frame_bytes.
const std::string& zeros()
{
    static const std::string all = [] {
        std::string made = "[0";
        while (made.size() < 15'800'000)
            made += ",0";
        return made;
    }();
    return all;
}

connections send_and_wait(const std::string& at, const std::string& frame)
{
    connections to = one(at);
    to.front()->send(frame);
    to.front()->receive(1);
    return to;
}

connections ask_for_many_documents(const std::string& at)
{
    static const std::string frame = batch_of(4'000, "rpc.discover");
    return send_and_wait(at, frame);
}

connections cancel_many(const std::string& at)
{
    constexpr std::size_t in_flight = 1'000, cancels = 20'000;
    connections to = one(at);
    std::string calls, all = "[";
    for (std::size_t i = 0; i != in_flight; ++i)
        calls += call(i, "next_token",
                      R"({"model":{"kind":"dummy","base":"/models/slow","options":{"load_ms":60000)"
                      R"(}},"prompts":["x"]})") +
                 '\n';
    for (std::size_t i = 0; i != cancels; ++i)
        all += (i == 0 ? "" : ",") +
               (R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":)" +
                std::to_string(i % in_flight) + "}}");
    to.front()->send(calls);
    to.front()->send(all + "]\n");
    to.front()->receive(in_flight);
    return to;
}

connections write_on_after_a_refusal(const std::string& at)
{
    std::vector<std::jthread> writers;
    for (int i = 0; i != 4; ++i)
        writers.emplace_back([&at](const std::stop_token& enough) {
            const std::string piece(1 << 20, 'x');
            while (!enough.stop_requested()) {
                const abuser to(at);
                to.send("nonsense\n");
                for (int pieces = 0; pieces != 64 && !enough.stop_requested(); ++pieces)
                    to.send(piece);
            }
        });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return {};
}

/// An array of more items than a batch may have: read through, then refused.
connections send_what_is_refused(const std::string& at)
{
    return send_and_wait(at, zeros() + "]\n");
}

/// The same, and no JSON at its very end.
connections send_what_is_no_json(const std::string& at)
{
    return send_and_wait(at, zeros() + ",]\n");
}

connections ask_in_a_large_batch(const std::string& at)
{
    static const std::string frame = batch_of(65'536, "health");
    return send_and_wait(at, frame);
}

connections read_no_stream(const std::string& at)
{
    connections all;
    for (std::size_t i = 0; i != 4; ++i) {
        all.push_back(std::make_unique<abuser>(at));
        all.back()->send(call(i, "generate",
                              R"({"model":{"kind":"dummy","base":"/models/bench"},"prompt":"x",)"
                              R"("max_new_tokens":1000000,"stream":true})") +
                         '\n');
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return all;
}

struct flood_case {
    const char* name;
    connections (*happens)(const std::string& socket);
};
constexpr flood_case cases[] = {
    {"4,000 rpc.discover in a batch", ask_for_many_documents},
    {"20,000 cancels, 1,000 in flight", cancel_many},
    {"four who write on after a refusal", write_on_after_a_refusal},
    {"15.8 MB that are refused", send_what_is_refused},
    {"15.8 MB that are no JSON", send_what_is_no_json},
    {"65,536 health in a batch", ask_in_a_large_batch},
    {"four streams that nobody reads", read_no_stream},
};

// -- the other client, and the figures ------------------------------------------------------------

/// Asks for a hit, and for the next half a millisecond after the answer. Each counts from when it
/// was sent: what one question waits, not what a queue of them would.
class other_client {
public:
    explicit other_client(const std::string& socket_path)
        : hits_([this, socket_path](const std::stop_token& enough) { run(socket_path, enough); })
    {
    }

    /// Hits that are asked for from now on count.
    void begin() { counts_ = true; }
    /// Those that were asked for by now have counted.
    const histogram& end()
    {
        hits_.request_stop();
        hits_.join();
        return latency_;
    }

private:
    void run(const std::string& socket_path, const std::stop_token& enough)
    {
        const exchange hit = warmd_exchange("load", false);
        const int fd = connect_to(socket_path);
        reply_counter replies(hit);
        std::array<char, 4096> space;
        for (; !enough.stop_requested(); std::this_thread::sleep_for(interval)) {
            const bool counts = counts_;
            const auto sent = clock::now();
            if (::send(fd, hit.request.data(), hit.request.size(), MSG_NOSIGNAL) < 0)
                throw std::runtime_error("the server hung up");
            for (std::size_t come = 0; come == 0;) {
                const ssize_t n = ::recv(fd, space.data(), space.size(), 0);
                if (n <= 0)
                    throw std::runtime_error("the server hung up");
                come = replies.ended_in({space.data(), static_cast<std::size_t>(n)});
            }
            if (counts)
                latency_.add(static_cast<std::uint64_t>((clock::now() - sent).count()));
        }
        ::close(fd);
    }

    static constexpr std::chrono::microseconds interval{500};
    std::atomic<bool> counts_ = false;
    histogram latency_;
    std::jthread hits_;
};

/// A figure of /proc/PID/status, in megabytes.
double megabytes(const child& of, std::string_view name)
{
    std::ifstream status("/proc/" + std::to_string(of.pid()) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name))
            return std::stod(line.substr(name.size() + 1)) / 1e3;
    return 0;
}

void forget_the_peak(const child& of)
{
    std::ofstream("/proc/" + std::to_string(of.pid()) + "/clear_refs") << 5;
}

void measure(const flood_case& what, const flood_options& options)
{
    const scratch in;
    const child warmd = start_warmd(options.warmd, in, -1);
    wait_for(warmd_socket(in));
    ask(warmd_socket(in), warmd_exchange("load", false).request, "\n");
    const double before = megabytes(warmd, "RssAnon:");
    histogram latency;
    double peak = 0, left = 0;
    for (int i = 0; i != options.repeat; ++i) {
        other_client beside(warmd_socket(in));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        forget_the_peak(warmd);
        beside.begin();
        const connections open = what.happens(warmd_socket(in));
        latency.add(beside.end());
        peak = std::max(peak, megabytes(warmd, "VmHWM:"));
        if (i == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2500));
            left = megabytes(warmd, "RssAnon:");
        }
    }
    std::printf("%-36s %6llu hits: p50 %6.2f, p99 %6.2f, max %6.1f ms; peak %6.1f MB, left behind "
                "%5.2f MB\n",
                what.name, static_cast<unsigned long long>(latency.total()),
                latency.microseconds(0.5) / 1e3, latency.microseconds(0.99) / 1e3,
                latency.microseconds(1) / 1e3, peak, left - before);
    std::fflush(stdout);
}

} // namespace

int flood(int count, char** arguments)
{
    flood_options options;
    option_reader known(arguments[0]);
    known.add("warmd", options.warmd, "the daemon to measure")
        .add("only", options.only, "cases whose name has this in it")
        .add("repeat", options.repeat, "how often each happens; all hits count together");
    if (!known.read(count, arguments))
        return 0;
    for (const flood_case& each : cases)
        if (std::string_view(each.name).find(options.only) != std::string_view::npos)
            measure(each, options);
    return 0;
}

} // namespace warmbench

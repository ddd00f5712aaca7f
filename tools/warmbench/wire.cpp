// warmbench wire and compare: one table of requests per second, processor time per request and
// latency.

#include "contestants.hpp"
#include "options.hpp"
#include "quantiles.hpp"
#include "subcommands.hpp"

#include <algorithm>
#include <cstdio>
#include <list>
#include <memory>
#include <optional>

namespace warmbench {

namespace {

struct wire_options {
    std::string warmd = warmd_beside(), peers, methods = "load,health",
                framings = "lines,content-length", clients = "50", depths = "1,16";
    double seconds = 0.5, rate = 0;
    int repeat = 5, server_core = 0, client_core = 1;
};

/// Empty: help was asked for and given.
std::optional<wire_options> read(int count, char** arguments, const char* peers)
{
    wire_options read{.peers = peers};
    option_reader known(arguments[0]);
    known.add("warmd", read.warmd, "the daemon to measure")
        .add("peers", read.peers, "of redis, memcached, echo")
        .add("method", read.methods, "of load, health, tokenize")
        .add("framing", read.framings, "of lines, content-length")
        .add("clients", read.clients, "connections; a list")
        .add("depth", read.depths, "requests in flight on each; a list")
        .add("rate", read.rate, "open loop: requests per second; 0: closed loop")
        .add("seconds", read.seconds, "length of one slice")
        .add("repeat", read.repeat, "slices of each contestant, in turn; the median counts")
        .add("server-core", read.server_core, "-1: not pinned")
        .add("client-core", read.client_core, "-1: not pinned");
    return known.read(count, arguments) ? std::optional(read) : std::nullopt;
}

/// One line of the table.
struct row {
    std::string name;
    const child* server;
    std::unique_ptr<generator> load;
    std::vector<double> per_second{}, cpu_ns{};
    histogram latency{};

    void slice(double seconds)
    {
        const auto before = server->cpu_time();
        const measured one =
            load->run(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
        per_second.push_back(one.per_second);
        cpu_ns.push_back(static_cast<double>((server->cpu_time() - before).count()) /
                         static_cast<double>(one.latency.total()));
        latency.add(one.latency);
    }
};

void print(const row& each, const std::vector<row>& all)
{
    std::printf("  %-24s %10.0f/s %8.0f ns  %8.1f %8.1f %8.1f us ", each.name.c_str(),
                median(each.per_second), median(each.cpu_ns), each.latency.microseconds(0.5),
                each.latency.microseconds(0.99), each.latency.microseconds(0.999));
    for (const row& peer : all) {
        if (peer.server == each.server)
            continue;
        std::vector<double> ratios; // slice by slice: neighbours in time saw the same machine
        for (std::size_t i = 0; i != each.per_second.size(); ++i)
            ratios.push_back(each.per_second[i] / peer.per_second[i]);
        std::printf("  %.2f x %s (cpu %.2f)", median(ratios), peer.name.c_str(),
                    median(peer.cpu_ns) / median(each.cpu_ns));
    }
    std::printf("\n");
}

int measure(const wire_options& options)
{
    const scratch in;
    const child warmd = start_warmd(options.warmd, in, options.server_core);
    wait_for(warmd_socket(in));
    ask(warmd_socket(in), warmd_exchange("load", false).request, "\n");
    std::list<contestant> peers;
    for (const std::string& name : split(options.peers))
        peers.push_back(
            name == "redis"       ? start_redis(in, options.server_core)
            : name == "memcached" ? start_memcached(in, options.server_core)
            : name == "echo"
                ? start_echo(in, options.server_core)
                : throw std::runtime_error("peer " + name + " is none of redis, memcached, echo"));
    pin_to(options.client_core);
    for (const std::string& clients : split(options.clients))
        for (const std::string& depth : split(options.depths)) {
            const load_shape shape{std::stoul(clients), std::stoul(depth), options.rate};
            std::vector<row> rows;
            for (const std::string& method : split(options.methods))
                for (const std::string& framing : split(options.framings))
                    rows.push_back(
                        {"warmd " + method + (framing == "lines" ? "" : ", framed"), &warmd,
                         std::make_unique<generator>(
                             warmd_socket(in), warmd_exchange(method, framing != "lines"), shape)});
            for (const contestant& peer : peers)
                rows.push_back({peer.name, &peer.server,
                                std::make_unique<generator>(peer.socket_path, peer.what, shape)});
            for (int i = 0; i != options.repeat; ++i)
                for (row& each : rows)
                    each.slice(options.seconds);
            std::printf("%s clients x %s in flight%s: requests/s, server's processor time each, "
                        "latency p50 p99 p99.9, and "
                        "warmd's rate by the peer's\n",
                        clients.c_str(), depth.c_str(), options.rate > 0 ? ", open loop" : "");
            for (const row& each : rows)
                if (each.server == &warmd)
                    print(each, rows);
            for (const row& each : rows)
                if (each.server != &warmd)
                    print(each, {});
            std::fflush(stdout);
        }
    return 0;
}

int run(int count, char** arguments, const char* peers)
{
    const auto options = read(count, arguments, peers);
    return options ? measure(*options) : 0;
}

} // namespace

int wire(int count, char** arguments) { return run(count, arguments, ""); }
int compare(int count, char** arguments) { return run(count, arguments, "redis,memcached,echo"); }

} // namespace warmbench

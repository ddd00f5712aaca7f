// warmbench wire and compare: one table of requests per second, processor time per request and latency.

#include "contestants.hpp"
#include "subcommands.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <list>
#include <memory>
#include <optional>
#include <sstream>

namespace warmbench {

namespace {

namespace po = boost::program_options;

struct wire_options {
    std::string warmd, peers, methods, framings, clients, depths;
    double seconds = 0.5, rate = 0;
    int repeat = 5, server_core = 0, client_core = 1;
};

std::vector<std::string> split(const std::string& list)
{
    std::vector<std::string> parts;
    std::istringstream in(list);
    for (std::string part; std::getline(in, part, ',');)
        parts.push_back(part);
    return parts;
}

/// warmd is looked for next to warmbench.
std::string default_warmd()
{
    std::error_code ec;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
    return (self.parent_path() / "warmd").string();
}

/// Empty: help was asked for and given.
std::optional<wire_options> read(int count, char** arguments, const char* peers)
{
    wire_options read;
    po::options_description all("warmbench " + std::string(arguments[0]));
    all.add_options()("help", "this text")
        ("warmd", po::value(&read.warmd)->default_value(default_warmd()), "the daemon to measure")
        ("peers", po::value(&read.peers)->default_value(peers), "of redis, memcached, echo")
        ("method", po::value(&read.methods)->default_value("load,health"), "of load, health, tokenize")
        ("framing", po::value(&read.framings)->default_value("lines,content-length"), "of lines, content-length")
        ("clients", po::value(&read.clients)->default_value("50"), "connections; a list")
        ("depth", po::value(&read.depths)->default_value("1,16"), "requests in flight on each; a list")
        ("rate", po::value(&read.rate)->default_value(0), "open loop: requests per second; 0: closed loop")
        ("seconds", po::value(&read.seconds)->default_value(0.5), "length of one slice")
        ("repeat", po::value(&read.repeat)->default_value(5), "slices of each contestant, in turn; the median counts")
        ("server-core", po::value(&read.server_core)->default_value(0), "-1: not pinned")
        ("client-core", po::value(&read.client_core)->default_value(1), "-1: not pinned");
    po::variables_map map;
    po::store(po::parse_command_line(count, arguments, all), map);
    po::notify(map);
    if (map.contains("help")) {
        std::cout << all;
        return {};
    }
    return read;
}

double median(std::vector<double> of)
{
    std::sort(of.begin(), of.end());
    return of.empty() ? 0 : of[of.size() / 2];
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
        const measured one = load->run(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
        per_second.push_back(one.per_second);
        cpu_ns.push_back(static_cast<double>((server->cpu_time() - before).count()) / static_cast<double>(one.latency.total()));
        latency.add(one.latency);
    }
};

void print(const row& each, const std::vector<row>& all)
{
    std::printf("  %-24s %10.0f/s %8.0f ns  %8.1f %8.1f %8.1f us ", each.name.c_str(), median(each.per_second), median(each.cpu_ns),
                each.latency.microseconds(0.5), each.latency.microseconds(0.99), each.latency.microseconds(0.999));
    for (const row& peer : all) {
        if (peer.server == each.server)
            continue;
        std::vector<double> ratios; // slice by slice: neighbours in time saw the same machine
        for (std::size_t i = 0; i != each.per_second.size(); ++i)
            ratios.push_back(each.per_second[i] / peer.per_second[i]);
        std::printf("  %.2f x %s (cpu %.2f)", median(ratios), peer.name.c_str(), median(peer.cpu_ns) / median(each.cpu_ns));
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
        peers.push_back(name == "redis"       ? start_redis(in, options.server_core)
                        : name == "memcached" ? start_memcached(in, options.server_core)
                        : name == "echo"      ? start_echo(in, options.server_core)
                                              : throw std::runtime_error("peer " + name + " is none of redis, memcached, echo"));
    pin_to(options.client_core);
    for (const std::string& clients : split(options.clients))
        for (const std::string& depth : split(options.depths)) {
            const load_shape shape{std::stoul(clients), std::stoul(depth), options.rate};
            std::vector<row> rows;
            for (const std::string& method : split(options.methods))
                for (const std::string& framing : split(options.framings))
                    rows.push_back({"warmd " + method + (framing == "lines" ? "" : ", framed"), &warmd,
                                    std::make_unique<generator>(warmd_socket(in), warmd_exchange(method, framing != "lines"), shape)});
            for (const contestant& peer : peers)
                rows.push_back({peer.name, &peer.server, std::make_unique<generator>(peer.socket_path, peer.what, shape)});
            for (int i = 0; i != options.repeat; ++i)
                for (row& each : rows)
                    each.slice(options.seconds);
            std::printf("%s clients x %s in flight%s: requests/s, server's processor time each, latency p50 p99 p99.9, and "
                        "warmd's rate by the peer's\n", clients.c_str(), depth.c_str(), options.rate > 0 ? ", open loop" : "");
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

// The built daemon among clients that do their worst, while every answer to some that behave is
// checked. See tools/chaos. Exits with 1 if an answer was wrong or lost, the daemon died, or
// something of it did not come back.

#include "chaos/abuse.hpp"
#include "chaos/behaved.hpp"
#include "support/scratch.hpp"

#include <warmd/client.hpp>

#include <boost/program_options.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <iostream>
#include <set>
#include <thread>
#include <vector>

namespace po = boost::program_options;
namespace fs = std::filesystem;
using namespace warmd;
using namespace warmd::chaos;
using std::chrono::steady_clock;

namespace {

constexpr ::rlim_t descriptors = 512; // fewer than the clients would like

/// Where a sanitizer's reports go: the daemon's standard output, which it does not use itself. It
/// is open from the start, for a report when the daemon has no descriptor left would be lost
/// otherwise.
constexpr const char* reports = "warmd-reports.log";

/// AddressSanitizer's own memory, as small as it can be: what has been freed goes back to the
/// system, as it does without it.
constexpr const char* asan_options =
    "quarantine_size_mb=4:thread_local_quarantine_size_kb=16:malloc_context_size=5:"
    "allocator_release_to_os_interval_ms=100:handle_abort=1:log_path=stdout";

/// Before the first figures are taken, for threads and buffers that come with the first use and
/// stay. AddressSanitizer keeps freed blocks of each size for each thread and every stack that ever
/// allocated: both end, but it takes minutes, while what it has given out,
/// __sanitizer_get_current_allocated_bytes(), stays as it is.
#ifdef WARMD_SANITIZED
constexpr double rehearsal_minutes = 20;
#else
constexpr double rehearsal_minutes = 0.5;
#endif

void pause(int milliseconds) { ::poll(nullptr, 0, milliseconds); }

/// The daemon as a process of ours, with few descriptors.
class daemon_process {
public:
    daemon_process(const std::vector<std::string>& words, const std::string& log)
    {
        std::vector<char*> arguments;
        for (const std::string& word : words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        id = ::fork();
        if (id == 0) {
            const rlimit few{descriptors, descriptors};
            ::setrlimit(RLIMIT_NOFILE, &few);
            ::setenv("ASAN_OPTIONS", asan_options, 0);
            ::dup2(::open(reports, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
            ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
            ::execv(arguments[0], arguments.data());
            ::_exit(126);
        }
    }
    /// Waits for its end; its exit status, or a signal's number, negative.
    int end()
    {
        while (alive())
            pause(20);
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
    }
    bool alive()
    {
        if (!ended_)
            ended_ = ::waitpid(id, &status_, WNOHANG) == id;
        return !ended_;
    }

    struct holdings {
        std::size_t descriptors, threads;
        double megabytes;
    };
    holdings holds() const
    {
        const fs::path proc = "/proc/" + std::to_string(id);
        const auto count = [](const fs::path& in) {
            return static_cast<std::size_t>(std::distance(fs::directory_iterator(in), {}));
        };
        std::ifstream statm(proc / "statm");
        double all = 0, resident = 0;
        statm >> all >> resident;
        return {count(proc / "fd"), count(proc / "task"),
                resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6};
    }

    pid_t id;

private:
    int status_ = 0;
    bool ended_ = false;
};

std::ostream& operator<<(std::ostream& to, const daemon_process::holdings& what)
{
    return to << what.descriptors << " descriptors, " << what.threads << " threads, "
              << what.megabytes << " MB resident";
}

/// Nothing loaded, nothing on its way out, and hang-ups noticed; what the daemon has then.
daemon_process::holdings at_rest(const daemon_process& daemon, const std::string& socket,
                                 std::size_t least_descriptors = 0)
{
    client ask = client::connect(socket, patience).value();
    (void)ask.call("unload", R"({"all":true})");
    const auto stats = [&](const char* what) {
        return ask.call("stats").value().at(what).to_number<double>();
    };
    for (int i = 0;
         i != 600 && (stats("loaded_models") + stats("loading") + stats("closing") != 0 ||
                      (least_descriptors != 0 && daemon.holds().descriptors > least_descriptors));
         ++i) {
        pause(100);
        (void)ask.call("unload", R"({"all":true,"wait":false})");
    }
    return daemon.holds();
}

/// Thousands of requests under way, then SIGTERM: what the daemon took is answered, in whatever
/// order, without a hole.
bool drains_under_load(daemon_process& daemon, const std::string& socket)
{
    constexpr std::size_t connections = 8, each = 500;
    std::vector<client> all;
    for (std::size_t i = 0; i != connections; ++i) {
        all.push_back(client::connect(socket, patience).value());
        for (std::size_t n = 0; n != each; ++n)
            (void)all.back().send("next_token",
                                  R"({"prompts":["x"],"model":{"kind":"dummy","base":"steady"}})");
    }
    std::vector<std::set<std::uint64_t>> ids(connections);
    ids[0].insert(all[0].receive().value().id); // all is under way
    ::kill(daemon.id, SIGTERM);
    std::size_t answered = 0;
    bool whole = true;
    for (std::size_t i = 0; i != connections; ++i) {
        for (;;) {
            const auto reply = all[i].receive();
            if (!reply)
                break;
            ids[i].insert(reply->id);
        }
        answered += ids[i].size();
        whole =
            whole && (ids[i].empty() || *ids[i].rbegin() - *ids[i].begin() + 1 == ids[i].size());
    }
    const int status = daemon.end();
    std::cout << "drain: SIGTERM with " << connections * each << " requests sent: " << answered
              << " answered or refused, " << (whole ? "no hole" : "WITH HOLES") << ", exit status "
              << status << '\n';
    return whole && status == 0;
}

/// Lets all of them at the daemon for a while; how often something was done to it.
std::uint64_t crowd(daemon_process& daemon, const surroundings& at,
                    const std::vector<question>& all, unsigned seed, double seconds, tally& seen)
{
    std::atomic<bool> enough = false;
    std::atomic<std::uint64_t> abuses = 0;
    std::vector<std::jthread> clients;
    for (unsigned i = 0; i != 3; ++i)
        clients.emplace_back([&, i] { behave(at, all, seed + i, seen, enough); });
    constexpr std::array<abuser, 11> abusers{send_half_a_conversation,
                                             hang_up_at_once_after_asking,
                                             never_read,
                                             flood_with_nonsense,
                                             open_many_connections,
                                             cancel_at_random,
                                             cancel_long_work,
                                             leave_long_work,
                                             ask_for_models_that_fail,
                                             move_the_adapter,
                                             rewrite_the_configuration};
    for (unsigned i = 0; i != abusers.size(); ++i)
        clients.emplace_back([&, i] {
            for (std::minstd_rand random(seed + 100 + i); !enough; ++abuses)
                abusers[i](at, random);
        });
    const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
    while (steady_clock::now() < end && daemon.alive())
        pause(200);
    enough = true;
    clients.clear();
    return abuses;
}

bool lives(daemon_process& daemon)
{
    if (daemon.alive())
        return true;
    std::cout << "the daemon DIED: exit status, or a signal's number, negative: " << daemon.end()
              << '\n';
    return false;
}

/// Whether a sanitizer had nothing to say; prints what it found otherwise.
bool nothing_reported()
{
    std::ifstream all(reports);
    std::size_t lines = 0;
    for (std::string line; std::getline(all, line); ++lines)
        if (lines == 0 || line.find("ERROR") != line.npos ||
            line.find("runtime error") != line.npos)
            std::cout << "REPORTED: " << line << '\n';
    if (lines != 0)
        std::cout << lines << " lines in " << reports << '\n';
    return lines == 0;
}

struct settings {
    double minutes = 1, rehearsal = rehearsal_minutes;
    unsigned seed = 1;
    std::string warmd = WARMD;
    std::string log = "/dev/full"; // a disk that is full
};

int run(const settings& given)
{
    const test::scratch_directory scratch;
    const fs::path demo = fs::path(WARMD_TEST_DATA) / "demo";
    surroundings at{.socket = scratch.path / "run/warmd.sock",
                    .conversation = {},
                    .config = scratch.path / "warmd.conf",
                    .adapter = scratch.path / "current",
                    .first_adapter = demo / "adapter",
                    .second_adapter = demo / "adapter-early-05"};
    fs::create_directory_symlink(at.first_adapter, at.adapter);
    test::write_file(at.config, "{}");
    daemon_process daemon({given.warmd, "--socket", at.socket, "--enable-dummy", "--config",
                           at.config, "--max-loaded-models", "5", "--max-wait", "500ms",
                           "--load-timeout", "1s", "--close-timeout", "1s", "--drain-seconds",
                           "30"},
                          given.log);
    at.daemon = daemon.id;
    while (!client::connect(at.socket, patience) && daemon.alive())
        pause(50);
    const std::vector<question> all = questions(at, demo / "model");
    at.long_work = long_work(demo / "model", at.adapter);
    for (const question& each : all)
        at.conversation += R"({"jsonrpc":"2.0","id":1,"method":")" + each.method +
                           R"(","params":)" + each.params + "}\n";
    tally seen;
    std::uint64_t abuses = crowd(daemon, at, all, given.seed + 1000, given.rehearsal * 60, seen);
    if (!lives(daemon))
        return 1;
    const auto before = at_rest(daemon, at.socket);
    std::cout << "at the start: " << before << ", after a rehearsal of " << given.rehearsal
              << " minutes" << std::endl;
    abuses += crowd(daemon, at, all, given.seed, given.minutes * 60, seen);
    if (!lives(daemon))
        return 1;
    const auto after = at_rest(daemon, at.socket, before.descriptors);
    std::cout << "at the end:   " << after << ", after " << given.minutes << " minutes\n"
              << abuses << " abuses; requests of clients that behave: " << seen.sent << " sent, "
              << seen.right << " answered right";
    for (const auto& [why, count] : seen.refused)
        std::cout << ", " << count << " refused as " << why;
    std::cout << '\n';
    for (const auto& [what, count] : seen.wrong)
        std::cout << "WRONG, " << count << " times: " << what << '\n';
    const bool kept = after.descriptors > before.descriptors || after.threads > before.threads ||
                      after.megabytes > before.megabytes * 1.05;
    if (kept)
        std::cout << "something did NOT COME BACK\n";
    return drains_under_load(daemon, at.socket) && seen.wrong.empty() && !kept ? 0 : 1;
}

} // namespace

int main(int count, char** arguments)
{
    settings given;
    po::options_description options("chaos: the built warmd among clients that do their worst");
    options.add_options()("help", "this")(
        "minutes", po::value(&given.minutes)->default_value(given.minutes),
        "how long")("rehearsal", po::value(&given.rehearsal)->default_value(given.rehearsal),
                    "minutes of the same before the first figures are taken")(
        "seed", po::value(&given.seed)->default_value(given.seed), "of the clients' choices")(
        "warmd", po::value(&given.warmd)->default_value(given.warmd),
        "the daemon")("log", po::value(&given.log)->default_value(given.log), "where its log goes");
    try {
        po::variables_map chosen;
        po::store(po::parse_command_line(count, arguments, options), chosen);
        po::notify(chosen);
        if (chosen.contains("help")) {
            std::cout << options;
            return 0;
        }
        std::signal(SIGPIPE, SIG_IGN);
        const int status = run(given);
        return nothing_reported() ? status : 1;
    } catch (const std::exception& thrown) {
        std::cerr << "chaos: " << thrown.what() << '\n';
        (void)nothing_reported();
        return 2;
    }
}

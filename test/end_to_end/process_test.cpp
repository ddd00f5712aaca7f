// What surrounds the daemon's process is not as it should be: signals that its parent has blocked,
// a log that nobody takes, limits of the system, an environment meant for others. Nothing here
// waits but for a line, an answer or an end: a hang is a failure.

#include "support/daemon.hpp"
#include "support/held_file.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

using namespace warmd;
using test::place, test::running, test::words;
namespace utf = boost::unit_test;

namespace {

#ifdef WARMD_SANITIZED // which need memory and processes of their own
constexpr bool limits_are_ours = false;
#else
constexpr bool limits_are_ours = true;
#endif

struct blocked_signals {
    blocked_signals() : handled{}
    {
        ::sigemptyset(&handled);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP})
            ::sigaddset(&handled, signal);
        ::pthread_sigmask(SIG_BLOCK, &handled, nullptr);
    }
    ~blocked_signals() { ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr); }

    sigset_t handled;
};

/// A pipe with a name, which a shell can make standard error.
struct named_pipe {
    explicit named_pipe(std::string name) : path(std::move(name))
    {
        BOOST_REQUIRE(::mkfifo(path.c_str(), 0666) == 0);
        descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        BOOST_REQUIRE(descriptor >= 0);
    }
    ~named_pipe() { ::close(descriptor); }

    void read_to(const std::string& part) const
    {
        std::string all;
        for (char c = 0; all.find(part) == std::string::npos; all += c)
            BOOST_REQUIRE(::read(descriptor, &c, 1) == 1);
    }
    /// Until it takes no more.
    void fill() const
    {
        const std::string block(4096, '.');
        ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
        for (std::size_t n = block.size(); n != 0; n /= 2)
            while (::write(descriptor, block.data(), n) > 0)
                ;
    }

    std::string path;
    int descriptor = -1;
};

/// How a shell starts the daemon under a limit of prlimit(1). Limits of processes do not hold for
/// root, who starts a copy of it as another user.
std::string limited(const place& here, const std::string& limit)
{
    if (::geteuid() != 0)
        return "exec prlimit " + limit;
    const std::filesystem::path copy = here.directory.path / "warmd-copy";
    std::filesystem::copy_file(WARMD, copy, std::filesystem::copy_options::skip_existing);
    std::filesystem::permissions(here.directory.path, std::filesystem::perms(0777));
    return "exec setpriv --reuid=65534 --clear-groups prlimit " + limit + ' ' + copy.string() +
           " \"$@\" #";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(signals_that_the_parent_has_blocked_are_heard, place)
{
    for (const int signal : {SIGTERM, SIGINT}) {
        const blocked_signals blocked;
        running daemon(socket);
        BOOST_REQUIRE(!daemon.line_with("ready").empty());
        daemon.signal(SIGHUP);
        BOOST_TEST(!daemon.line_with("SIGHUP changes nothing").empty());
        daemon.signal(signal);
        BOOST_TEST(daemon.status() == 0);
    }
}

BOOST_FIXTURE_TEST_CASE(a_log_that_nobody_takes_does_not_keep_it_from_ending, place)
{
    const named_pipe log(directory.path / "log");
    running daemon(socket, {"--log-level", "debug"}, "exec 2>" + log.path + " && exec");
    log.read_to("ready");
    log.fill();
    {
        client ask = daemon.connect();
        for (int each = 0; each != 100; ++each) // a line each
            BOOST_TEST_REQUIRE(
                ask.call("load", R"({"model":{"kind":"dummy","base":"warm"}})").has_value());
    }
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_log_that_nobody_takes_does_not_keep_it_from_leaving_what_is_stuck, place)
{
    const named_pipe log(directory.path / "log");
    running daemon(socket, {"--drain-seconds", "10ms"}, "exec 2>" + log.path + " && exec");
    log.read_to("ready");
    log.fill();
    client ask = daemon.connect();
    const std::string hangs =
        R"({"model":{"kind":"dummy","base":"slow","options":{"close_ms":3600000}}})";
    BOOST_REQUIRE(ask.call("load", hangs).has_value());
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_cannot_be_read_to_its_end_is_named_and_left_behind, place)
{
    const std::string file = directory.path / "warmd.conf";
    test::write_file(file, "{}");
    running daemon(socket, {"--config", file, "--drain-seconds", "0"});
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    const test::held_file held(file);
    if (!held.holds())
        BOOST_TEST_MESSAGE("SKIPPED: only root may hold a file (fanotify)");
    {
        client ask = daemon.connect();
        BOOST_REQUIRE(ask.send("reload").has_value());
        BOOST_REQUIRE(ask.send("health").has_value());
        BOOST_REQUIRE(ask.receive().has_value()); // of health: the reload has begun before
    }
    daemon.signal(SIGTERM);
    if (held.holds())
        BOOST_TEST(daemon.line_with("stuck: ").find(file) != std::string::npos);
    BOOST_TEST(daemon.status() == (held.holds() ? 3 : 0));
}

BOOST_FIXTURE_TEST_CASE(without_threads_enough_it_says_so_in_one_line_and_ends_with_status_1, place,
                        *utf::enable_if<limits_are_ours>())
{
    for (int processes = 1; processes != 8; ++processes) {
        running daemon(directory.path / "own" / "warmd.sock", {},
                       limited(*this, "--nproc=" + std::to_string(processes)));
        const std::string line = daemon.line();
        BOOST_TEST(line.find("Resource temporarily unavailable") != std::string::npos, line);
        BOOST_TEST(daemon.line() == "");
        BOOST_TEST(daemon.status() == 1);
    }
}

BOOST_FIXTURE_TEST_CASE(with_no_limit_given_a_model_that_cannot_fit_is_refused_with_both_numbers,
                        place, *utf::enable_if<limits_are_ours>())
{
    running daemon(socket, {}, "exec prlimit --as=4294967296"); // counts as the memory it may use
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    client ask = daemon.connect();
    const auto refused = ask.call(
        "load", R"({"model":{"kind":"dummy","base":"big","options":{"bytes":5000000000}}})");
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code == errc::too_large));
    BOOST_TEST(refused.error().detail.find("5000000000") != std::string::npos);
    BOOST_TEST(refused.error().detail.find("3006477107") != std::string::npos); // 70 %
    BOOST_TEST(ask.call("health").value().at("limits").at("max_loaded_bytes") ==
               json::value(3006477107));
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

BOOST_FIXTURE_TEST_CASE(what_the_environment_tells_openmp_is_not_for_this_program, place)
{
    running daemon(socket, {"--core-dumps"}, // or nobody but root may look
                   "GOMP_CPU_AFFINITY=999 OMP_PLACES={999} OMP_WAIT_POLICY=active "
                   "OMP_NUM_THREADS=1 exec");
    BOOST_REQUIRE(!daemon.line_with("ready").empty());
    std::ifstream environment("/proc/" + std::to_string(daemon.id()) + "/environ");
    std::vector<std::string> told;
    for (std::string each; std::getline(environment, each, '\0');)
        if (each.find("OMP_") != std::string::npos)
            told.push_back(each);
    BOOST_TEST(told == words{}, boost::test_tools::per_element());
    daemon.signal(SIGTERM);
    BOOST_TEST(daemon.status() == 0);
}

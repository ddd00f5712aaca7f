// The built warmd under a service manager: what systemd passes is passed, what systemd reads is
// read.

#include "support/notify_receiver.hpp"
#include "support/program.hpp"

#include <warmd/client.hpp>
#include <warmd/json.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <csignal>
#include <fstream>
#include <map>

using namespace warmd;
using namespace warmd::test;

namespace {

/// A listening socket, as a .socket unit makes it.
struct listening_socket {
    explicit listening_socket(const std::string& path)
    {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, path.data(), path.size());
        if (::bind(handle, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
            ::listen(handle, 8) != 0)
            throw std::runtime_error("cannot listen on " + path);
    }
    ~listening_socket() { ::close(handle); }
    listening_socket(const listening_socket&) = delete;
    listening_socket& operator=(const listening_socket&) = delete;

    int handle = ::socket(AF_UNIX, SOCK_STREAM, 0); // inherited by whom we start
};

struct managed_place {
    /// Starts warmd with what a manager would set. `passed` becomes descriptor 3, `http` 4.
    program start(std::vector<std::string> options, std::vector<std::string> environment = {},
                  int passed = -1, int http = -1)
    {
        environment.push_back("NOTIFY_SOCKET=" + manager.address());
        const std::string pass =
            passed < 0 ? ""
            : http < 0 ? "LISTEN_PID=$$ LISTEN_FDS=1 "
                       : "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=warmd.socket:http ";
        std::string moved = passed < 0 ? "" : " 3<&" + std::to_string(passed);
        if (http >= 0)
            moved += " 4<&" + std::to_string(http);
        options.insert(options.begin(), {"/bin/bash", "-c", pass + "exec \"$0\" \"$@\"" + moved,
                                         WARMD, "--enable-dummy", "--socket", socket});
        return program(
            {.words = std::move(options), .in = {}, .environment = std::move(environment)});
    }
    client connect() const { return client::connect(socket, std::chrono::minutes(1)).value(); }

    scratch_directory directory;
    std::string socket = directory.path / "warmd.sock";
    notify_receiver manager;
};

const std::string a_model = R"({"model":{"kind":"dummy","base":"a"}})";

} // namespace

BOOST_FIXTURE_TEST_CASE(it_is_ready_once_it_listens_says_how_it_is_and_stops_in_order,
                        managed_place)
{
    program daemon = start({});
    BOOST_TEST(manager.next() == "READY=1\nSTATUS=ready");
    client ask = connect(); // at once: it listens
    BOOST_TEST(ask.call("load", a_model).has_value());
    BOOST_TEST(manager.next().starts_with("STATUS=1 model, 1.0 MiB, 1 requests/s\n"));
    ::kill(daemon.id(), SIGTERM);
    BOOST_TEST(manager.next_with("STOPPING=1")
                   .starts_with("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC="));
    BOOST_TEST(daemon.result().status == 0);
}

BOOST_FIXTURE_TEST_CASE(a_reload_is_framed_whoever_asks_for_it_and_however_it_ends, managed_place)
{
    const std::string file = directory.path / "warmd.conf";
    write_file(file, "{}");
    program daemon = start({"--config", file});
    BOOST_TEST(manager.next() == "READY=1\nSTATUS=ready");
    ::kill(daemon.id(), SIGHUP);
    BOOST_TEST(manager.next_with("RELOADING=1").starts_with("RELOADING=1\nMONOTONIC_USEC="));
    BOOST_TEST(manager.next_with("READY=1") == "READY=1");
    write_file(file, "{");
    BOOST_TEST(!connect().call("reload").has_value());
    BOOST_TEST(manager.next_with("RELOADING=1").starts_with("RELOADING=1\nMONOTONIC_USEC="));
    BOOST_TEST(manager.next_with("READY=1") == "READY=1");
    ::kill(daemon.id(), SIGTERM);
    BOOST_TEST(daemon.result().status == 0);
}

BOOST_FIXTURE_TEST_CASE(
    the_watchdog_is_fed_and_a_long_drain_asks_for_time_until_the_last_call_is_answered,
    managed_place)
{
    program daemon = start({"--drain-seconds", "1h"}, {"WATCHDOG_USEC=100000"});
    for (int each = 0; each != 3; ++each)
        BOOST_TEST(!manager.next_with("WATCHDOG=1").empty());
    client ask = connect();
    (void)ask.send(
        "next_token",
        R"({"prompts":["x"],"model":{"kind":"dummy","base":"a","options":{"call_ms":3600000}}})");
    client other = connect();
    BOOST_TEST(
        other.call("load", R"({"model":{"kind":"dummy","base":"a","options":{"call_ms":3600000}}})")
            .has_value());
    ::kill(daemon.id(), SIGTERM);
    BOOST_TEST(!manager.next_with("STOPPING=1").empty());
    for (int each = 0; each != 3; ++each) {
        const std::string told = manager.next_with("WATCHDOG=1");
        BOOST_TEST(told.starts_with("EXTEND_TIMEOUT_USEC=150000\nWATCHDOG=1\n"), told);
    }
    ::kill(daemon.id(), SIGTERM); // it need not last an hour
    BOOST_TEST(daemon.result().status == 3);
}

BOOST_FIXTURE_TEST_CASE(it_serves_on_the_socket_it_was_passed_and_leaves_its_file, managed_place)
{
    const std::string path = directory.path / "passed.sock";
    const listening_socket passed(path);
    const auto early = client::connect(
        path, std::chrono::minutes(1)); // in the backlog: the one that starts the service
    BOOST_REQUIRE(early.has_value());
    for (int start_over = 0; start_over != 2; ++start_over) {
        program daemon = start({}, {}, passed.handle);
        BOOST_TEST(manager.next_with("READY=1") == "READY=1\nSTATUS=ready");
        client ask = client::connect(path, std::chrono::minutes(1)).value();
        BOOST_TEST(ask.call("health").value().at("status").as_string() == "ok");
        BOOST_TEST(!std::filesystem::exists(socket)); // --socket has given way
        BOOST_TEST(!std::filesystem::exists(path + ".lock"));
        ::kill(daemon.id(), SIGTERM);
        const program_result said = daemon.result();
        BOOST_TEST(said.status == 0);
        BOOST_TEST(said.err.find("ready: listening on " + path) != std::string::npos, said.err);
        BOOST_TEST(std::filesystem::is_socket(path));
    }
}

BOOST_FIXTURE_TEST_CASE(a_socket_named_http_is_served_by_its_token, managed_place)
{
    const std::string path = directory.path / "passed.sock";
    const listening_socket passed(path);
    const int http = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::bind(http, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    BOOST_TEST(start({}, {}, passed.handle, http).result().err.find("named http") !=
               std::string::npos); // it does not listen
    BOOST_REQUIRE(::listen(http, 8) == 0);
    program daemon = start({}, {}, passed.handle, http);
    BOOST_TEST(manager.next_with("READY=1") == "READY=1\nSTATUS=ready");
    client ask = client::connect(path, std::chrono::minutes(1)).value();
    const std::string url(ask.call("health").value().at("http").at(0).as_string());
    std::string token;
    std::ifstream(directory.path / "http-token") >> token;
    const auto status_of = [&](const std::string& header) {
        return program(
                   {.words = {"/usr/bin/curl", "-sS", "--noproxy", "*", "--max-time", "60", "-o",
                              "/dev/null", "-w", "%{http_code}", "-H", header, url + "/v1/models"}})
            .result()
            .out;
    };
    BOOST_TEST(status_of("Authorization: Bearer " + token) == "200");
    BOOST_TEST(status_of("A: b") == "401");
    ::kill(daemon.id(), SIGTERM);
    BOOST_TEST(daemon.result().status == 0);
    ::close(http);
}

BOOST_FIXTURE_TEST_CASE(what_was_passed_and_is_no_listening_unix_socket_is_refused, managed_place)
{
    const int no_listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const int no_unix_socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    const int no_socket = ::open("/dev/null", O_RDONLY);
    for (const int passed : {no_listener, no_unix_socket, no_socket}) {
        const program_result said = start({}, {}, passed).result();
        BOOST_TEST(said.status == 1);
        BOOST_TEST(said.err.find(
                       "warmd: the socket that the service manager passed cannot be served on") ==
                       0U,
                   said.err);
        ::close(passed);
    }
    BOOST_TEST(manager.waiting() == "");
}

#include "server/service.hpp"

#include "support/scratch.hpp"
#include "support/stepping.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace warmd;
using namespace warmd::test;
using client_socket = asio::local::stream_protocol::socket;

namespace {

asio::awaitable<result<std::string>> whoami(std::shared_ptr<request_peer> from)
{
    co_return std::to_string(from->peer_uid());
}

/// A service on a socket of its own.
struct served {
    explicit served(server_config changes = {})
    {
        methods.add("whoami",
                    {.at_once = {}, .read = [](const json_node&) { return job(whoami); }});
        config = changes;
        if (config.socket_path.empty())
            config.socket_path = scratch.path / "run" / "warmd.sock";
        path = config.socket_path;
    }
    ~served()
    {
        if (server)
            server->stop();
        run_to_end(io); // invariant 12
        BOOST_TEST(!std::filesystem::exists(path + ".lock"));
    }
    result<void> start(std::function<void(const std::string&)> on_path_lost = {})
    {
        const logger log(log_level::debug,
                         [this](log_level, std::string_view line) { logged.emplace_back(line); });
        server.emplace(io.get_executor(), config, methods, log);
        if (on_path_lost)
            server->on_path_lost(std::move(on_path_lost));
        return server->start();
    }
    client_socket connect()
    {
        client_socket client(io);
        client.connect(path);
        client.non_blocking(true);
        settle(io);
        return client;
    }
    std::string receive(client_socket& from)
    {
        std::string text;
        for (error_code ec; !ec;) {
            settle(io);
            char bytes[4096];
            text.append(bytes, from.read_some(asio::buffer(bytes), ec));
            if (ec == asio::error::eof)
                text += "<end>";
        }
        return text;
    }
    /// What `whoami` answers to a fresh client.
    std::string ask(client_socket& client)
    {
        asio::write(client, asio::buffer(std::string(
                                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"whoami\"}\n")));
        return receive(client);
    }
    bool ended()
    {
        bool over = false;
        asio::co_spawn(io, server->ended(), [&over](std::exception_ptr) { over = true; });
        settle(io);
        return over;
    }

    scratch_directory scratch;
    asio::io_context io{1};
    dispatcher methods;
    server_config config;
    std::string path;
    std::vector<std::string> logged;
    std::optional<service> server;
};

const std::string own_uid =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" + std::to_string(::geteuid()) + "}\n";

unsigned mode_of(const std::filesystem::path& path)
{
    struct stat found {};
    BOOST_REQUIRE_EQUAL(::stat(path.c_str(), &found), 0);
    return found.st_mode & 0777;
}

bool fails_with(const result<void>& what, std::string_view words)
{
    if (!what)
        BOOST_TEST_MESSAGE(what.error().detail);
    return !what && what.error().detail.find(words) != std::string::npos;
}

/// Leaves a socket nobody listens on, as a daemon that was killed does.
void leave_stale_socket(asio::io_context& io, const std::string& path)
{
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    asio::local::stream_protocol::acceptor(io, path);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_client_is_served)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto client = s.connect();
    BOOST_TEST(s.ask(client) == own_uid);
}

BOOST_AUTO_TEST_CASE(the_directory_is_made_0700_and_the_socket_0600_whatever_the_umask)
{
    const mode_t before = ::umask(0);
    served s;
    BOOST_TEST(s.start().has_value());
    ::umask(before);
    BOOST_TEST(mode_of(std::filesystem::path(s.path).parent_path()) == 0700U);
    BOOST_TEST(mode_of(s.path) == 0600U);
    BOOST_TEST(mode_of(s.path + ".lock") == 0600U);
}

BOOST_AUTO_TEST_CASE(only_the_last_directory_is_made)
{
    scratch_directory scratch;
    served s({.socket_path = scratch.path / "a" / "b" / "warmd.sock"});
    BOOST_TEST(fails_with(s.start(), "cannot make the socket's directory"));
    BOOST_TEST(!std::filesystem::exists(scratch.path / "a"));
}

BOOST_AUTO_TEST_CASE(a_bad_configuration_is_refused)
{
    served s({.socket_path = "relative.sock"});
    BOOST_TEST(fails_with(s.start(), "must be absolute"));
    served t({.socket_path = "/tmp/" + std::string(200, 'x')});
    BOOST_TEST(fails_with(t.start(), "exceeds the system's limit"));
}

BOOST_AUTO_TEST_CASE(a_stale_socket_is_replaced)
{
    served s;
    leave_stale_socket(s.io, s.path);
    BOOST_TEST(std::filesystem::is_socket(s.path));
    BOOST_TEST(s.start().has_value());
    auto client = s.connect();
    BOOST_TEST(s.ask(client) == own_uid);
}

BOOST_AUTO_TEST_CASE(a_second_daemon_is_refused_and_the_first_one_named)
{
    served s;
    BOOST_TEST(s.start().has_value());
    served second({.socket_path = s.path});
    const std::string expected =
        "another daemon is listening on " + s.path + " (pid " + std::to_string(::getpid()) + ')';
    BOOST_TEST(fails_with(second.start(), expected));
    second.server.reset();
    auto client = s.connect();
    BOOST_TEST(s.ask(client) == own_uid);
    s.server->stop(); // before second's destructor looks for the lock file
}

BOOST_AUTO_TEST_CASE(a_daemon_that_listens_without_our_lock_is_left_alone)
{
    served s;
    std::filesystem::create_directories(std::filesystem::path(s.path).parent_path());
    asio::local::stream_protocol::acceptor other(s.io, s.path);
    BOOST_TEST(fails_with(s.start(), "another daemon is listening on " + s.path));
    BOOST_TEST(std::filesystem::is_socket(s.path));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_never_deleted)
{
    served s;
    std::filesystem::create_directories(std::filesystem::path(s.path).parent_path());
    write_file(s.path, "precious");
    BOOST_TEST(fails_with(s.start(), "is not a socket"));
    BOOST_TEST(std::filesystem::file_size(s.path) == 8U);
}

BOOST_AUTO_TEST_CASE(a_lock_file_left_behind_does_not_matter)
{
    served s;
    std::filesystem::create_directories(std::filesystem::path(s.path).parent_path());
    write_file(s.path + ".lock", "");
    BOOST_TEST(s.start().has_value());
}

BOOST_AUTO_TEST_CASE(draining_gives_up_the_path_at_once_and_answers_what_was_sent)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto client = s.connect();
    asio::write(client, asio::buffer(
                            std::string("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"whoami\"}\n")));
    s.server->drain();
    BOOST_TEST(!std::filesystem::exists(s.path));
    BOOST_TEST(!std::filesystem::exists(s.path + ".lock"));
    BOOST_TEST(s.receive(client) == own_uid + "<end>");
    BOOST_TEST(s.ended());
    BOOST_TEST(s.server->connections() == 0U);
    served next({.socket_path = s.path});
    BOOST_TEST(next.start().has_value());
}

BOOST_AUTO_TEST_CASE(a_successors_socket_is_not_unlinked)
{
    served s;
    BOOST_TEST(s.start().has_value());
    std::filesystem::rename(s.path, s.path + ".kept"); // keeps the inode from being used again
    leave_stale_socket(s.io, s.path);
    s.server->drain();
    BOOST_TEST(std::filesystem::is_socket(s.path));
}

BOOST_AUTO_TEST_CASE(a_socket_file_that_is_removed_is_bound_again_and_clients_are_served_on)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto before = s.connect();
    std::filesystem::remove(s.path);
    settle(s.io);
    BOOST_TEST(s.logged.back() == s.path + " has been removed or replaced; listening there again");
    auto after = s.connect();
    BOOST_TEST(s.ask(after) == own_uid);
    BOOST_TEST(s.ask(before) == own_uid);
    BOOST_TEST(mode_of(s.path) == 0600U);
    std::filesystem::remove(s.path); // and again
    settle(s.io);
    auto later = s.connect();
    BOOST_TEST(s.ask(later) == own_uid);
}

BOOST_AUTO_TEST_CASE(a_socket_that_goes_with_its_directory_is_bound_again)
{
    served s;
    BOOST_TEST(s.start().has_value());
    std::filesystem::remove_all(std::filesystem::path(s.path).parent_path());
    settle(s.io);
    auto client = s.connect();
    BOOST_TEST(s.ask(client) == own_uid);
    served second({.socket_path = s.path}); // the lock is held again
    BOOST_TEST(fails_with(second.start(), "another daemon is listening"));
    second.server.reset();
    s.server->stop();
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_had_again_is_said_to_be_lost_and_left_alone)
{
    served s;
    std::vector<std::string> lost;
    const auto started = s.start([&](const std::string& why) { lost.push_back(why); });
    BOOST_TEST(started.has_value());
    auto client = s.connect();
    std::filesystem::remove(s.path);
    write_file(s.path, "precious");
    settle(s.io);
    BOOST_REQUIRE(lost.size() == 1U);
    BOOST_TEST(s.logged.back().find("is not a socket") != std::string::npos);
    BOOST_TEST(s.ask(client) == own_uid); // who is there is served on
    s.server->drain();
    BOOST_TEST(s.receive(client) == "<end>");
    BOOST_TEST(s.ended());
    BOOST_TEST(std::filesystem::file_size(s.path) == 8U);
}

BOOST_AUTO_TEST_CASE(a_lock_that_another_daemon_holds_by_now_is_left_alone)
{
    served s;
    BOOST_TEST(s.start().has_value());
    std::filesystem::remove(s.path + ".lock"); // by a cleaner
    write_file(s.path + ".lock", "another's");
    s.server->stop();
    BOOST_TEST(std::filesystem::exists(s.path + ".lock"));
    std::filesystem::remove(s.path + ".lock");
}

BOOST_AUTO_TEST_CASE(ended_waits_for_the_last_connection)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto client = s.connect();
    BOOST_TEST(s.server->connections() == 1U);
    bool over = false;
    asio::co_spawn(s.io, s.server->ended(), [&over](std::exception_ptr) { over = true; });
    settle(s.io);
    BOOST_TEST(!over);
    s.server->drain();
    BOOST_TEST(!over);
    settle(s.io);
    BOOST_TEST(over);
}

BOOST_AUTO_TEST_CASE(stopping_ends_every_session)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto a = s.connect();
    auto b = s.connect();
    s.server->stop();
    BOOST_TEST(s.receive(a) == "<end>");
    BOOST_TEST(s.receive(b) == "<end>");
    BOOST_TEST(s.ended());
}

BOOST_AUTO_TEST_CASE(a_client_beyond_max_connections_is_told_to_come_back)
{
    served s({.max_connections = 1});
    BOOST_TEST(s.start().has_value());
    auto first = s.connect();
    auto second = s.connect();
    const std::string told = s.receive(second);
    BOOST_TEST(told.ends_with("\n<end>"));
    const json::value error = parse_json(told.substr(0, told.find('\n'))).value().at("error");
    BOOST_TEST(error.at("data") == (json::value{{"kind", "busy"}, {"retry_after_seconds", 1}}));
    BOOST_TEST(s.ask(first) == own_uid);
    first.close();
    settle(s.io);
    auto third = s.connect();
    BOOST_TEST(s.ask(third) == own_uid);
}

namespace {

boost::test_tools::assertion_result is_root(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result root(::geteuid() == 0);
    root.message() << "needs root to become another user";
    return root;
}

/// A client of user 65534, whose own group is 65533 and whose supplementary one is 65532.
client_socket stranger_of(served& s)
{
    const int stranger = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const pid_t child = ::fork();
    if (child == 0) { // the socket's credentials are those of whoever connects it
        const asio::local::stream_protocol::endpoint there(s.path);
        const gid_t also = 65532;
        const bool is_other =
            ::setgroups(1, &also) == 0 && ::setgid(65533) == 0 && ::setuid(65534) == 0;
        ::_exit(is_other &&
                        ::connect(stranger, there.data(), static_cast<socklen_t>(there.size())) == 0
                    ? 0
                    : 1);
    }
    int status = -1;
    BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
    BOOST_REQUIRE_EQUAL(status, 0);
    client_socket client(s.io, asio::local::stream_protocol(), stranger);
    client.non_blocking(true);
    return client;
}

const auto open_to_all = std::filesystem::perms(0755);

} // namespace

BOOST_AUTO_TEST_CASE(another_user_is_turned_away_and_that_is_logged_once,
                     *boost::unit_test::precondition(is_root))
{
    served s;
    BOOST_TEST(s.start().has_value());
    // The modes keep others out already; this is what stands behind them.
    std::filesystem::permissions(s.scratch.path, open_to_all);
    std::filesystem::permissions(std::filesystem::path(s.path).parent_path(), open_to_all);
    std::filesystem::permissions(s.path, std::filesystem::perms(0666));
    for (int again = 0; again != 3; ++again) {
        client_socket client = stranger_of(s);
        const std::string told = s.receive(client);
        BOOST_TEST(told.find("\"kind\":\"permission_denied\"") != std::string::npos);
        BOOST_TEST(told.ends_with("\n<end>"));
    }
    BOOST_TEST(std::count_if(s.logged.begin(), s.logged.end(), [](const auto& line) {
                   return line.starts_with("turned away user 65534");
               }) == 1);
}

BOOST_AUTO_TEST_CASE(a_user_who_is_allowed_by_number_or_group_is_served,
                     *boost::unit_test::precondition(is_root))
{
    const std::string their_uid = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":65534}\n";
    for (const access_rules& rules :
         {access_rules{.socket_mode = 0666, .uids = {65534}},
          access_rules{.socket_mode = 0666, .gids = {65533}},
          access_rules{.socket_mode = 0660, .socket_group = 65532, .gids = {65532}}}) {
        served s({.access = rules});
        BOOST_TEST(s.start().has_value());
        std::filesystem::permissions(s.scratch.path, open_to_all);
        client_socket client = stranger_of(s); // our directory and socket let it pass
        BOOST_TEST(s.ask(client) == their_uid);
    }
}

BOOST_AUTO_TEST_CASE(the_directory_is_as_passable_as_the_socket)
{
    for (const auto& [socket_mode, directory_mode] :
         {std::pair(0600U, 0700U), std::pair(0660U, 0710U), std::pair(0666U, 0711U)}) {
        served s({.access = {.socket_mode = socket_mode}});
        BOOST_TEST(s.start().has_value());
        BOOST_TEST(mode_of(s.path) == socket_mode);
        BOOST_TEST(mode_of(std::filesystem::path(s.path).parent_path()) == directory_mode);
    }
}

BOOST_AUTO_TEST_CASE(running_out_of_files_does_not_end_the_service)
{
    served s;
    BOOST_TEST(s.start().has_value());
    settle(s.io);
    client_socket client(s.io);
    client.connect(s.path); // in the backlog, not yet accepted
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int lowest_free = ::dup(client.native_handle());
    ::close(lowest_free);
    const rlimit none_left{static_cast<rlim_t>(lowest_free), before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none_left);
    settle(s.io);
    ::setrlimit(RLIMIT_NOFILE, &before);
    BOOST_REQUIRE_EQUAL(s.logged.size(), 1U);
    BOOST_TEST(s.logged[0].find("cannot accept connections: Too many open files") !=
               std::string::npos);
    run_until(s.io, [&] { return s.server->connections() == 1; });
    BOOST_TEST(s.logged.back() == "accepts connections again");
    client.non_blocking(true);
    BOOST_TEST(s.ask(client) == own_uid);
}

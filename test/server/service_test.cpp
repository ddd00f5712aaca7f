// Who is served, and how a service ends.

#include "server/service_fixture.hpp"

#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace warmd;
using namespace warmd::test;

BOOST_AUTO_TEST_CASE(a_client_is_served)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto client = s.connect();
    BOOST_TEST(s.ask(client) == own_uid);
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

BOOST_AUTO_TEST_CASE(every_connection_has_a_number_of_its_own_and_keeps_it)
{
    served s;
    BOOST_TEST(s.start().has_value());
    auto one = s.connect(), two = s.connect();
    const std::string first = s.ask(one, "origin"), second = s.ask(two, "origin");
    BOOST_TEST(first != second);
    BOOST_TEST(s.ask(one, "origin") == first);
    one.close();
    auto three = s.connect();
    const std::string third = s.ask(three, "origin");
    BOOST_TEST(third != first);
    BOOST_TEST(third != second);
}

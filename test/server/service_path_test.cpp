// The socket's file, its directory and its lock: made, replaced, lost and had again.

#include "server/service_fixture.hpp"

using namespace warmd;
using namespace warmd::test;

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

// One client on two pipes: turns, bounds and ends.

#include "server/stream_session.hpp"

#include "connection_fixture.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace warmd;
using namespace warmd::test;

namespace {

/// A session, and the client at the other ends of its pipes.
struct piped {
    explicit piped(session_limits limits = {})
    {
        fakes.executor = io.get_executor();
        fakes.add_to(methods);
        int in[2], out[2];
        BOOST_REQUIRE(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0);
        to = in[1];
        from = out[0];
        ::fcntl(from, F_SETFL, O_NONBLOCK);
        serving = std::make_shared<stream_session>(io.get_executor(), stream_pair{in[0], out[1]},
                                                   methods, limits, logger(), [this] { ++looks; });
        serving->start([this] { ++ends; });
        settle(io);
    }
    ~piped()
    {
        hang_up();
        fakes.gates.clear();
        run_to_end(io); // invariant 12
        BOOST_TEST(ends == 1);
        std::weak_ptr<stream_session> left = serving;
        serving.reset();
        BOOST_TEST(left.expired());
    }

    void send(std::string_view bytes)
    {
        BOOST_REQUIRE(::write(to, bytes.data(), bytes.size()) ==
                      static_cast<ssize_t>(bytes.size()));
        settle(io);
    }
    void close_input()
    {
        ::close(std::exchange(to, -1));
        settle(io);
    }
    void hang_up()
    {
        for (int* each : {&to, &from})
            if (*each >= 0)
                ::close(std::exchange(*each, -1));
        settle(io);
    }
    std::string received()
    {
        std::string text;
        char bytes[65536];
        for (ssize_t n; (n = ::read(from, bytes, sizeof bytes)) > 0; settle(io))
            text.append(bytes, static_cast<std::size_t>(n));
        return text;
    }
    void open_gate(const std::string& name)
    {
        fakes.gates.at(name)->deliver(std::string("\"open\""));
        settle(io);
    }

    asio::io_context io;
    fake_methods fakes;
    dispatcher methods;
    int to, from;
    int looks = 0, ends = 0;
    std::shared_ptr<stream_session> serving;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(what_is_asked_is_answered_and_looked_at_first, piped)
{
    const int before = looks;
    send(request("1", "echo", R"({"a":1})") + '\n');
    BOOST_TEST(received() == success("1", R"({"a":1})") + '\n');
    BOOST_TEST(looks > before);
    BOOST_TEST(ends == 0);
}

BOOST_FIXTURE_TEST_CASE(after_the_end_of_input_what_is_under_way_is_answered, piped)
{
    send(waiting("1", "g"));
    close_input();
    BOOST_TEST(ends == 0);
    open_gate("g");
    BOOST_TEST(received() == success("1", R"("open")") + '\n');
    BOOST_TEST(ends == 1);
}

BOOST_FIXTURE_TEST_CASE(when_the_client_is_gone_altogether_everything_is_cancelled, piped)
{
    send(waiting("1", "g"));
    hang_up();
    BOOST_TEST(fakes.aborted.contains("g"));
    BOOST_TEST(ends == 1);
}

BOOST_FIXTURE_TEST_CASE(drained_it_reads_no_more_and_answers_what_it_has, piped)
{
    send(waiting("1", "g"));
    serving->drain();
    settle(io);
    send(request("2", "echo") + '\n');
    open_gate("g");
    BOOST_TEST(received() == success("1", R"("open")") + '\n');
    BOOST_TEST(ends == 1);
}

BOOST_FIXTURE_TEST_CASE(stopped_it_answers_nothing_more, piped)
{
    send(waiting("1", "g"));
    serving->stop();
    settle(io);
    BOOST_TEST(fakes.aborted.contains("g"));
    BOOST_TEST(received().empty());
    BOOST_TEST(ends == 1);
}

BOOST_FIXTURE_TEST_CASE(a_reply_larger_than_the_pipe_arrives_whole, piped)
{
    send(request("1", "big", R"({"bytes":1000000})") + '\n');
    BOOST_TEST(received().size() == success("1", "").size() + 1000003);
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_is_left)
{
    session_limits limits;
    limits.max_unread_bytes = 200'000;
    piped client(limits);
    client.send(request("1", "big", R"({"bytes":300000})") + '\n');
    BOOST_TEST(client.ends == 1);
}

BOOST_AUTO_TEST_CASE(more_requests_than_may_be_under_way_wait_their_turn)
{
    session_limits limits;
    limits.max_in_flight = 2;
    piped client(limits);
    client.send(waiting("1", "a") + waiting("2", "b") + waiting("3", "c"));
    BOOST_TEST(client.fakes.gates.size() == 2U);
    client.open_gate("a");
    client.open_gate("b");
    BOOST_TEST(client.fakes.gates.size() == 3U);
    client.open_gate("c");
    BOOST_TEST(!client.received().empty());
}

BOOST_FIXTURE_TEST_CASE(what_is_no_frame_is_answered_and_is_the_end, piped)
{
    send("Loading");
    BOOST_TEST(received().find("parse_error") != std::string::npos);
    BOOST_TEST(ends == 1);
}

#include "server/poller.hpp"

#include "support/stepping.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <optional>
#include <vector>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace warmd;
using namespace warmd::test;

namespace {

/// One end is watched, the other is the test's.
struct watched_pair final : poller::listener {
    explicit watched_pair(poller& by, std::function<void()> what) : at(&by), does(std::move(what))
    {
        BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        BOOST_REQUIRE(!by.add(ends[0], *this));
    }
    ~watched_pair() { close(); }
    void ready(std::uint32_t) override
    {
        ++told;
        char bytes[4096];
        while (::recv(ends[0], bytes, sizeof bytes, 0) > 0)
            ;
        if (does)
            does();
    }
    void write() { BOOST_REQUIRE_EQUAL(::send(ends[1], "x", 1, MSG_NOSIGNAL), 1); }
    void close()
    {
        if (ends[0] < 0)
            return;
        at->remove(ends[0], *this);
        ::close(ends[0]);
        ::close(ends[1]);
        ends[0] = -1;
    }

    poller* at;
    std::function<void()> does;
    int ends[2]{};
    int told = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_closed_sockets_event_is_not_told_to_whoever_has_its_number_next)
{
    asio::io_context io{1};
    const auto by = std::make_shared<poller>(io.get_executor());
    std::optional<watched_pair> one, other, next;
    const auto replace = [&](std::optional<watched_pair>& closed) {
        if (next)
            return;
        const int number = closed->ends[0];
        closed->close();
        next.emplace(*by, nullptr);
        BOOST_TEST((next->ends[0] == number || next->ends[1] == number)); // the lowest that is free
    };
    one.emplace(*by, [&] { replace(other); });
    other.emplace(*by, [&] { replace(one); });
    one->write(); // both are ready in one round; the first to be told closes the other
    other->write();
    settle(io);
    BOOST_TEST(one->told + other->told == 1);
    BOOST_TEST(next->told == 0);
    next->write();
    settle(io);
    BOOST_TEST(next->told == 1);
    one.reset(), other.reset(), next.reset();
    run_to_end(io);
}

BOOST_AUTO_TEST_CASE(a_listener_that_removes_itself_is_not_told_again)
{
    asio::io_context io{1};
    const auto by = std::make_shared<poller>(io.get_executor());
    std::optional<watched_pair> one;
    one.emplace(*by, [&] { one->close(); });
    one->write();
    settle(io);
    BOOST_TEST(one->told == 1);
    run_to_end(io);
}

BOOST_AUTO_TEST_CASE(what_is_looked_at_first_is_known_to_all_sockets_of_its_round)
{
    asio::io_context io{1};
    const auto by = std::make_shared<poller>(io.get_executor());
    const int news = ::eventfd(0, EFD_NONBLOCK);
    bool rewritten = false, known = false;
    int looks = 0;
    by->look_first(news, [&] {
        ++looks;
        std::uint64_t count = 0;
        known = ::read(news, &count, sizeof count) > 0;
        return false;
    });
    std::vector<std::unique_ptr<watched_pair>> flood; // enough that round follows round
    int late = 0, rounds_left = 1000;
    for (int i = 0; i != 8; ++i)
        flood.push_back(std::make_unique<watched_pair>(*by, nullptr));
    for (const auto& each : flood) {
        each->does = [&, one = each.get()] {
            if (--rounds_left > 0)
                one->write(); // ready again in the next round
        };
        each->write();
    }
    flood[0]->does = [&, again = flood[0]->does] {
        late += rewritten && !known; // a round after the news did not know it
        rewritten = known = false;
        again();
    };
    flood[7]->does = [&, again = flood[7]->does] { // behind it in each round
        if (rounds_left % 3 == 0) {
            rewritten = true;
            const std::uint64_t one = 1;
            BOOST_REQUIRE(::write(news, &one, sizeof one) == sizeof one);
        }
        again();
    };
    settle(io);
    BOOST_TEST(rounds_left <= 0);
    BOOST_TEST(late == 0);
    BOOST_TEST(looks > 10);
    BOOST_TEST(looks < 100); // and not in rounds without news
    flood.clear();
    run_to_end(io);
    ::close(news);
}

BOOST_AUTO_TEST_CASE(who_has_left_something_looks_again_and_so_he_does_among_very_many_sockets)
{
    asio::io_context io{1};
    const auto by = std::make_shared<poller>(io.get_executor());
    const int news = ::eventfd(0, EFD_NONBLOCK);
    int looks = 0, left = 0;
    by->look_first(news, [&] {
        ++looks;
        return --left > 0;
    });
    std::vector<std::unique_ptr<watched_pair>> many;
    many.push_back(std::make_unique<watched_pair>(*by, nullptr));
    const auto a_round = [&] {
        for (const auto& each : many)
            each->write();
        settle(io);
        return std::exchange(looks, 0);
    };
    BOOST_TEST(a_round() == 0);
    const std::uint64_t one = 1;
    BOOST_REQUIRE(::write(news, &one, sizeof one) == sizeof one);
    left = 3;
    BOOST_TEST(a_round() + a_round() + a_round() + a_round() == 3);
    while (many.size() != 300)
        many.push_back(std::make_unique<watched_pair>(*by, nullptr));
    BOOST_TEST(a_round() >= 1); // more than one round brings: it might be behind them
    many.clear();
    run_to_end(io);
    ::close(news);
}

#include "server/peer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

#include <sys/socket.h>
#include <unistd.h>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

const uid_t stranger = ::geteuid() + 12345;

} // namespace

BOOST_AUTO_TEST_CASE(by_themselves_our_own_user_and_root_may_talk)
{
    BOOST_TEST(may_talk({}, {.uid = ::geteuid()}));
    BOOST_TEST(may_talk({}, {.uid = 0}));
    BOOST_TEST(!may_talk({}, {.uid = stranger, .gids = {0, ::getegid()}}));
}

BOOST_AUTO_TEST_CASE(a_user_or_a_group_that_is_allowed_may_talk)
{
    const access_rules rules{.uids = {stranger}, .gids = {77, 78}};
    BOOST_TEST(may_talk(rules, {.uid = stranger}));
    BOOST_TEST(may_talk(rules, {.uid = stranger + 1, .gids = {5, 78}}));
    BOOST_TEST(!may_talk(rules, {.uid = stranger + 1, .gids = {5, 6}}));
    BOOST_TEST(!may_talk(rules, {.uid = 77, .gids = {5}})); // a group's number is no user's
    BOOST_TEST(may_talk(rules, {.uid = ::geteuid()}));
}

BOOST_AUTO_TEST_CASE(the_kernel_tells_who_the_peer_is)
{
    int ends[2];
    BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const auto peer = peer_of(ends[0]);
    BOOST_REQUIRE(peer.has_value());
    BOOST_TEST(peer->uid == ::geteuid());
    BOOST_TEST(std::count(peer->gids.begin(), peer->gids.end(), ::getegid()) >= 1);
    ::close(ends[0]);
    ::close(ends[1]);
    BOOST_TEST(!peer_of(ends[0]).has_value());
}

BOOST_AUTO_TEST_CASE(who_may_is_said_for_people)
{
    BOOST_TEST(who_may_talk({.uids = {7}, .gids = {9}}) ==
               "only user " + std::to_string(::geteuid()) + ", user 7, group 9 and root");
}

BOOST_AUTO_TEST_CASE(refusals_are_logged_at_most_every_few_seconds_and_the_others_counted)
{
    refusal_log refusals;
    const refusal_log::time_point start{1h};
    std::size_t more = 99;
    BOOST_TEST(refusals.admits(start, more));
    BOOST_TEST(more == 0U);
    for (int each = 0; each != 1000; ++each)
        BOOST_TEST(!refusals.admits(start + each * 9ms, more));
    BOOST_TEST(refusals.admits(start + 10s, more));
    BOOST_TEST(more == 1000U);
    BOOST_TEST(refusals.admits(start + 20s, more));
    BOOST_TEST(more == 0U);
}

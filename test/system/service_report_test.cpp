// What a service manager is told, and when. Time is an argument.

#include "system/service_report.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

const service_report::time_point start{std::chrono::hours(1)};

daemon_look stuck_look() { return {.stuck = {"a request has waited\nfor ever"}}; }

} // namespace

BOOST_AUTO_TEST_CASE(readiness_is_said_once_it_listens)
{
    BOOST_TEST(service_report(0s).listening(start) == "READY=1\nSTATUS=ready");
}

BOOST_AUTO_TEST_CASE(the_status_says_models_size_and_rate)
{
    service_report report(0s);
    report.listening(start);
    BOOST_TEST(report.looked({.models = 2, .bytes = 1395864371, .requests = 70}, start + 5s) ==
               "STATUS=2 models, 1.3 GiB, 14 requests/s\n");
    BOOST_TEST(
        report.looked({.models = 1, .loading = 1, .bytes = 1 << 20, .requests = 71}, start + 10s) ==
        "STATUS=1 model and 1 loading, 1.0 MiB, 1 requests/s\n");
    BOOST_TEST(report.looked({.requests = 71}, start + 15s) ==
               "STATUS=0 models, 0 KiB, 0 requests/s\n");
}

BOOST_AUTO_TEST_CASE(the_status_is_sent_only_on_change_and_only_every_few_seconds)
{
    service_report report(0s);
    report.listening(start);
    BOOST_TEST(report.looked({.models = 1}, start + 4s) == "");
    BOOST_TEST(report.looked({.models = 1}, start + 5s) == "STATUS=1 model, 0 KiB, 0 requests/s\n");
    BOOST_TEST(report.looked({.models = 1}, start + 10s) == "");
    BOOST_TEST(report.looked({.models = 2}, start + 14s) == "");
    BOOST_TEST(report.looked({.models = 2}, start + 15s) ==
               "STATUS=2 models, 0 KiB, 0 requests/s\n");
}

BOOST_AUTO_TEST_CASE(what_is_stuck_stands_in_the_status_on_one_line)
{
    service_report report(0s);
    report.listening(start);
    BOOST_TEST(report.looked(stuck_look(), start + 5s) ==
               "STATUS=0 models, 0 KiB, 0 requests/s; degraded: a request has waited?for ever\n");
}

BOOST_AUTO_TEST_CASE(the_watchdog_is_fed_by_half_its_time_at_the_latest)
{
    for (const auto watchdog : {200ms, 1000ms, 9000ms, 20000ms, 60000ms}) {
        service_report report(watchdog);
        report.listening(start);
        auto fed = start;
        BOOST_TEST((report.interval() <= watchdog / 2));
        for (auto now = start; now < start + 3min;) {
            now += report.interval();
            if (report.looked({}, now).starts_with("WATCHDOG=1\n")) {
                BOOST_TEST((now - fed <= watchdog / 2));
                fed = now;
            }
        }
        BOOST_TEST((fed > start + 2min));
    }
}

BOOST_AUTO_TEST_CASE(without_a_watchdog_nothing_feeds_one)
{
    service_report report(0s);
    report.listening(start);
    for (auto now = start; now < start + 1min; now += report.interval())
        BOOST_TEST(report.looked({}, now).find("WATCHDOG") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(while_something_is_stuck_the_watchdog_is_not_fed)
{
    service_report report(10s);
    report.listening(start);
    for (auto now = start + 5s; now < start + 1min; now += 5s)
        BOOST_TEST(report.looked(stuck_look(), now).find("WATCHDOG") == std::string::npos);
    BOOST_TEST(report.looked({}, start + 1min).starts_with("WATCHDOG=1\n"));
}

BOOST_AUTO_TEST_CASE(a_long_drain_asks_for_time_and_feeds_the_watchdog_until_its_deadline)
{
    service_report report(10s);
    report.listening(start);
    BOOST_TEST(report.stopping(start + 12s, start) ==
               "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=12000000");
    // What still waits for a close that hangs is no news now: the deadline bounds it.
    BOOST_TEST(report.looked({.models = 1, .leases = 2, .stuck = {"a close"}}, start + 5s) ==
               "EXTEND_TIMEOUT_USEC=7000000\nWATCHDOG=1\nSTATUS=stopping: 2 calls under way, 1 "
               "model left\n");
    BOOST_TEST(report.looked({.models = 1, .leases = 1}, start + 10s) ==
               "EXTEND_TIMEOUT_USEC=2000000\nWATCHDOG=1\nSTATUS=stopping: 1 call under way, 1 "
               "model left\n");
    BOOST_TEST(report.looked({.models = 1, .leases = 1}, start + 15s) == "");
}

BOOST_AUTO_TEST_CASE(a_drain_of_an_hour_asks_for_time_in_portions)
{
    service_report report(0s);
    report.listening(start);
    BOOST_TEST(report.stopping(start + 1h, start).ends_with("EXTEND_TIMEOUT_USEC=15000000"));
    BOOST_TEST(report.looked({}, start + 5s).starts_with("EXTEND_TIMEOUT_USEC=15000000\n"));
}

BOOST_AUTO_TEST_CASE(a_reload_is_framed_with_the_time_it_began)
{
    service_report report(0s);
    report.listening(start);
    BOOST_TEST(report.reload_begins(start + 1s) == "RELOADING=1\nMONOTONIC_USEC=3601000000");
    BOOST_TEST(report.reload_ended() == "READY=1");
}

BOOST_AUTO_TEST_CASE(overlapping_reloads_are_one)
{
    service_report report(0s);
    report.listening(start);
    report.reload_begins(start);
    BOOST_TEST(report.reload_begins(start) == "");
    BOOST_TEST(report.reload_ended() == "");
    BOOST_TEST(report.reload_ended() == "READY=1");
}

BOOST_AUTO_TEST_CASE(who_stops_is_not_ready_again)
{
    service_report report(0s);
    report.listening(start);
    report.reload_begins(start);
    report.stopping(start + 10s, start);
    BOOST_TEST(report.reload_ended() == "");
}

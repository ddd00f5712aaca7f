#include "system/service_manager.hpp"

#include "support/notify_receiver.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <map>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

service_manager found_with(const std::map<std::string, std::string>& environment)
{
    for (const auto& [name, value] : environment)
        ::setenv(name.c_str(), value.c_str(), 1);
    auto manager = service_manager::found();
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID",
                             "LISTEN_FDS", "LISTEN_FDNAMES"})
        BOOST_TEST(std::getenv(name) == nullptr, name << " is left to whom we start");
    return std::move(manager).value();
}

} // namespace

BOOST_AUTO_TEST_CASE(without_a_manager_there_is_nobody_to_tell)
{
    const service_manager manager = found_with({});
    BOOST_TEST(!manager.notify);
    BOOST_TEST(!manager.listening);
    BOOST_TEST((manager.watchdog == 0s));
    manager.notify.send("READY=1"); // nothing happens
}

BOOST_AUTO_TEST_CASE(a_message_is_one_datagram_to_a_path_or_an_abstract_name)
{
    for (const std::string& address :
         {std::string(), "@warmd-test-" + std::to_string(::getpid())}) {
        test::notify_receiver receiver(address);
        const service_manager manager = found_with({{"NOTIFY_SOCKET", receiver.address()}});
        manager.notify.send("");
        manager.notify.send("READY=1\nSTATUS=x");
        BOOST_TEST(receiver.next() == "READY=1\nSTATUS=x");
        BOOST_TEST(receiver.waiting() == "");
    }
}

BOOST_AUTO_TEST_CASE(a_manager_that_does_not_read_keeps_nobody_waiting)
{
    test::notify_receiver receiver;
    const service_manager manager = found_with({{"NOTIFY_SOCKET", receiver.address()}});
    for (int each = 0; each != 10'000; ++each)
        manager.notify.send("STATUS=on and on");
    BOOST_TEST(receiver.next() == "STATUS=on and on");
}

BOOST_AUTO_TEST_CASE(an_address_nobody_listens_at_is_told_and_no_reason_to_fail)
{
    for (const char* address : {"/no/such/socket", "relative", "@", "vsock:2:9999"}) {
        const service_manager manager = found_with({{"NOTIFY_SOCKET", address}});
        BOOST_TEST(!manager.notify);
        BOOST_TEST(manager.deaf.find(address) != std::string::npos);
    }
    BOOST_TEST(found_with({{"NOTIFY_SOCKET", '/' + std::string(200, 'x')}}).deaf.find("too long") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_watchdog_counts_for_the_process_it_names_only)
{
    test::notify_receiver receiver;
    const auto watchdog = [&](std::map<std::string, std::string> also) {
        also["NOTIFY_SOCKET"] = receiver.address();
        return found_with(also).watchdog;
    };
    const std::string us = std::to_string(::getpid());
    BOOST_TEST((watchdog({{"WATCHDOG_USEC", "2500000"}}) == 2500ms));
    BOOST_TEST((watchdog({{"WATCHDOG_USEC", "2500000"}, {"WATCHDOG_PID", us}}) == 2500ms));
    BOOST_TEST((watchdog({{"WATCHDOG_USEC", "2500000"}, {"WATCHDOG_PID", "1"}}) == 0s));
    BOOST_TEST((watchdog({{"WATCHDOG_USEC", "soon"}}) == 0s));
}

BOOST_AUTO_TEST_CASE(sockets_passed_to_an_ancestor_are_not_ours)
{
    BOOST_TEST(!found_with({{"LISTEN_PID", "1"}, {"LISTEN_FDS", "1"}}).listening);
    BOOST_TEST(!found_with({{"LISTEN_FDS", "1"}}).listening);
    BOOST_TEST(
        !found_with({{"LISTEN_PID", std::to_string(::getpid())}, {"LISTEN_FDS", "0"}}).listening);
}

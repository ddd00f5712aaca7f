#include <warmd/client.hpp>

#include "support/scripted_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

using namespace warmd;
using test::answer;
using test::refusal;
using test::scripted_peer;

namespace {

/// The failure of one call that the peer answers with `line`.
failure failure_of(const std::string& line)
{
    scripted_peer peer([&](const json::object&) { return line; });
    auto daemon = client::connect(peer.path()).value();
    const auto outcome = daemon.call("health");
    BOOST_REQUIRE_MESSAGE(!outcome, line);
    return outcome.error();
}

/// Has room for one client that it has not accepted; the next one waits within connect().
class one_at_a_time {
public:
    one_at_a_time()
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size());
        BOOST_REQUIRE(
            ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        BOOST_REQUIRE(::listen(listener_, 0) == 0);
    }
    ~one_at_a_time() { ::close(listener_); }
    one_at_a_time(const one_at_a_time&) = delete;
    one_at_a_time& operator=(const one_at_a_time&) = delete;

    std::string path() const { return directory_.path / "peer.sock"; }
    void accept() const { ::close(::accept(listener_, nullptr, nullptr)); }

private:
    const test::scratch_directory directory_;
    const int listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

} // namespace

BOOST_AUTO_TEST_CASE(a_call_is_one_json_rpc_line_and_returns_the_result)
{
    scripted_peer peer(
        [](const json::object& request) { return answer(request, R"({"status":"ok"})"); });
    {
        auto daemon = client::connect(peer.path()).value();
        BOOST_TEST(daemon.call("health").value().at("status").as_string() == "ok");
        BOOST_TEST(daemon.call("load", R"({"model":{"base":"/m"}})").has_value());
    }
    const auto& requests = peer.finish();
    BOOST_REQUIRE(requests.size() == 2u);
    BOOST_TEST(json::serialize(requests[0]) ==
               R"({"jsonrpc":"2.0","id":1,"method":"health","params":{}})");
    BOOST_TEST(json::serialize(requests[1]) ==
               R"({"jsonrpc":"2.0","id":2,"method":"load","params":{"model":{"base":"/m"}}})");
}

BOOST_AUTO_TEST_CASE(an_error_becomes_a_failure_with_all_it_said)
{
    scripted_peer peer([](const json::object& request) {
        return refusal(request,
                       R"({"code":-32002,"message":"cannot load /m","data":{"kind":"load_failed",)"
                       R"("cause":"no config",)"
                       R"("cached":true,"retry_after_seconds":1.5}})");
    });
    auto daemon = client::connect(peer.path()).value();
    const failure expected{errc::load_failed, "cannot load /m", "no config", true, 1.5};
    BOOST_TEST((daemon.call("load").error() == expected));
}

BOOST_AUTO_TEST_CASE(an_error_of_unknown_kind_keeps_its_name_in_the_message)
{
    scripted_peer peer([](const json::object& request) {
        return refusal(request,
                       R"({"code":-32099,"message":"too hot","data":{"kind":"overheated"}})");
    });
    auto daemon = client::connect(peer.path()).value();
    const failure why = daemon.call("load").error();
    BOOST_TEST((why.code == errc::internal_error));
    BOOST_TEST(why.detail == "overheated: too hot");
}

BOOST_AUTO_TEST_CASE(notifications_are_passed_on_in_order_before_the_result)
{
    scripted_peer peer([](const json::object& request) {
        return R"({"jsonrpc":"2.0","method":"$/token","params":{"text":"a"}})"
               "\n"
               R"({"jsonrpc":"2.0","method":"$/token","params":{"text":"b"}})"
               "\n" +
               answer(request, R"("done")");
    });
    auto daemon = client::connect(peer.path()).value();
    std::string seen;
    const auto outcome =
        daemon.call("generate", "{}", [&](std::string_view method, const json::value& params) {
            seen += std::string(method) + ' ' + std::string(params.at("text").as_string()) + ';';
        });
    BOOST_TEST(outcome.value().as_string() == "done");
    BOOST_TEST(seen == "$/token a;$/token b;");
}

BOOST_AUTO_TEST_CASE(pipelined_answers_are_told_apart_by_number_in_any_order)
{
    std::vector<json::object> asked;
    scripted_peer peer([&](const json::object& request) {
        asked.push_back(request);
        return asked.size() < 2 ? std::string()
                                : answer(asked[1], "\"second\"") +
                                      refusal(asked[0], R"({"code":-1,"message":"first"})");
    });
    auto daemon = client::connect(peer.path()).value();
    const auto first = daemon.send("one").value();
    const auto second = daemon.send("two").value();
    const auto a = daemon.receive().value();
    const auto b = daemon.receive().value();
    BOOST_TEST(a.id == second);
    BOOST_TEST(a.outcome.value().as_string() == "second");
    BOOST_TEST(b.id == first);
    BOOST_TEST(b.outcome.error().detail == "first");
}

BOOST_AUTO_TEST_CASE(an_answer_larger_than_any_buffer_arrives_whole)
{
    const std::string text(3'000'000, 'x');
    scripted_peer peer(
        [&](const json::object& request) { return answer(request, '"' + text + '"'); });
    auto daemon = client::connect(peer.path()).value();
    BOOST_TEST((daemon.call("generate").value().as_string() == text));
}

BOOST_AUTO_TEST_CASE(no_socket_and_a_hang_up_are_disconnected)
{
    const auto nobody = client::connect("/nonexistent/warmd.sock");
    BOOST_TEST((nobody.error().code == errc::disconnected));
    BOOST_TEST(nobody.error().detail.find("/nonexistent/warmd.sock: No such file") !=
               std::string::npos);
    BOOST_TEST((client::connect(std::string(200, 'x')).error().code == errc::disconnected));

    scripted_peer peer([](const json::object&) { return std::nullopt; });
    auto daemon = client::connect(peer.path()).value();
    BOOST_TEST((daemon.call("health").error().code == errc::disconnected));
    BOOST_TEST((daemon.call("health").error().code == errc::disconnected));
}

BOOST_AUTO_TEST_CASE(a_socket_in_somebody_elses_directory_is_permission_denied_not_a_missing_daemon)
{
    const scripted_peer peer([](const json::object& request) { return answer(request, "1"); });
    const auto directory = std::filesystem::path(peer.path()).parent_path();
    std::filesystem::permissions(directory, std::filesystem::perms::none);
    std::optional<result<client>> refused;
    std::thread([&] {
        if (::geteuid() == 0) // this thread is somebody else from now on
            ::syscall(SYS_setresuid, -1, 65534, -1);
        refused.emplace(client::connect(peer.path()));
    }).join();
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
    BOOST_TEST((refused->error().code == errc::permission_denied));
    BOOST_TEST(client::connect(peer.path()).has_value());
}

BOOST_AUTO_TEST_CASE(silence_longer_than_the_patience_is_a_timeout)
{
    scripted_peer peer([](const json::object&) { return std::string(); });
    auto daemon = client::connect(peer.path(), std::chrono::milliseconds(1)).value();
    BOOST_TEST((daemon.call("health").error().code == errc::timeout));
}

BOOST_AUTO_TEST_CASE(parameters_that_would_break_the_framing_are_not_sent)
{
    scripted_peer peer([](const json::object& request) { return answer(request, "1"); });
    {
        auto daemon = client::connect(peer.path()).value();
        BOOST_TEST((daemon.call("health", "{\n}").error().code == errc::invalid_params));
        BOOST_TEST(daemon.call("health").has_value());
    }
    BOOST_TEST(peer.finish().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_signal_while_connecting_changes_nothing)
{
    static std::atomic<int> signals;
    struct sigaction counting {};
    counting.sa_handler = [](int) { ++signals; };
    ::sigaction(SIGUSR1, &counting, nullptr);
    const one_at_a_time peer;
    const auto first = client::connect(peer.path(), std::chrono::minutes(1)).value();
    std::optional<result<client>> second;
    std::atomic<bool> connecting = false, done = false;
    std::thread thread([&] {
        connecting = true;
        connecting.notify_one();
        second.emplace(client::connect(peer.path(), std::chrono::minutes(1)));
        done = true;
    });
    connecting.wait(false);
    for (int most = signals + 200; signals < most && !done; std::this_thread::yield())
        ::pthread_kill(thread.native_handle(), SIGUSR1);
    peer.accept();
    thread.join();
    BOOST_TEST(second->has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_a_parse_error_and_never_a_result)
{
    for (const char* line : {
             "not json\n",
             "[]\n",
             "{}\n",
             R"({"jsonrpc":"2.0","id":1})"
             "\n",
             R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}})"
             "\n",
             R"({"jsonrpc":"2.0","id":2,"result":1})"
             "\n",
             R"({"jsonrpc":"2.0","id":0,"result":1})"
             "\n",
             R"({"jsonrpc":"2.0","id":"1","result":1})"
             "\n",
             R"({"jsonrpc":"2.0","id":null,"result":1})"
             "\n",
             R"({"jsonrpc":"2.0","id":1,"error":3})"
             "\n",
         })
        BOOST_TEST((failure_of(line).code == errc::parse_error), line);
}

BOOST_AUTO_TEST_CASE(an_error_for_the_whole_connection_is_reported_as_it_is)
{
    const failure why = failure_of(
        R"({"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"frame of 17 MiB",)"
        R"("data":{"kind":"frame_too_large"}}})"
        "\n");
    BOOST_TEST((why.code == errc::frame_too_large));
    BOOST_TEST(why.detail == "frame of 17 MiB");
}

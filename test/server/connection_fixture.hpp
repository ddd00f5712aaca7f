#pragma once
// A connection, methods that do what a test tells them, and the client at the other end.

#include "server/connection.hpp"

#include "base/handoff.hpp"

#include "support/stepping.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <thread>

namespace warmd::test {

using namespace std::chrono_literals;

using answer_of = asio::awaitable<result<std::string>>;
using gate = std::shared_ptr<handoff<result<std::string>>>;

/// Methods that do what a test tells them.
struct fake_methods {
    asio::any_io_executor executor;
    std::map<std::string, gate> gates; // open requests of `wait`, by their param `gate`
    std::map<std::string, std::shared_ptr<request_peer>> callers; // likewise; theirs to notify with
    std::set<std::string> aborted; // gates whose request was cancelled
    std::vector<std::string> seen; // notifications to `note`

    answer_of echo(json::object params, std::shared_ptr<request_peer>)
    {
        co_return json::serialize(params);
    }
    answer_of fail(json::object, std::shared_ptr<request_peer>)
    {
        throw std::logic_error("a bug");
        co_return std::string();
    }
    answer_of note(json::object params, std::shared_ptr<request_peer>)
    {
        seen.push_back(json::serialize(params));
        co_return "null";
    }
    answer_of big(json::object params, std::shared_ptr<request_peer>)
    {
        co_return '"' + std::string(static_cast<std::size_t>(params.at("bytes").as_int64()), 'x') +
            '"';
    }
    /// Waits until its gate opens; `timeout_ns` sets a timeout.
    answer_of wait(json::object params, std::shared_ptr<request_peer> from)
    {
        const std::string name(params.at("gate").as_string());
        if (const json::value* limit = params.if_contains("timeout_ns"))
            from->set_timeout(std::chrono::nanoseconds(limit->as_int64()));
        if (params.contains("subscribe"))
            BOOST_TEST(from->outlive_reply([to = std::weak_ptr(from)](std::size_t dropped) {
                to.lock()->notify("lost", std::to_string(dropped));
            }));
        const gate here = handoff<result<std::string>>::make(executor);
        gates[name] = here;
        callers[name] = std::move(from);
        try {
            result<std::string> opened = co_await here->take();
            co_return opened;
        } catch (const boost::system::system_error&) {
            aborted.insert(name);
            throw;
        }
    }
    /// Notifies from within the handler, before and after a suspension, then answers.
    answer_of chatty(json::object, std::shared_ptr<request_peer> from)
    {
        from->notify("$/token", R"({"n":1})");
        const auto rung = handoff<int>::make(executor);
        std::thread([from, rung] {
            from->notify("$/token", R"({"n":2})");
            from->notify("$/token", R"({"n":3})");
            rung->deliver(1);
        }).join();
        co_await rung->take();
        from->notify("$/token", R"({"n":4})");
        co_return "\"done\"";
    }

    void add_to(dispatcher& to)
    {
        const auto bind =
            [this](answer_of (fake_methods::*what)(json::object, std::shared_ptr<request_peer>)) {
                return method{.at_once = {}, .read = [this, what](const json_node& params) {
                                  return job([this, what, given = params.value().as_object()](
                                                 std::shared_ptr<request_peer> from) {
                                      return (this->*what)(given, std::move(from));
                                  });
                              }};
            };
        to.add("echo", bind(&fake_methods::echo));
        to.add("fail", bind(&fake_methods::fail));
        to.add("note", bind(&fake_methods::note));
        to.add("big", bind(&fake_methods::big));
        to.add("wait", bind(&fake_methods::wait));
        to.add("chatty", bind(&fake_methods::chatty));
    }
};

inline std::string request(std::string_view id, std::string_view name,
                           std::string_view params = "{}")
{
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"method":")" + std::string(name) +
           R"(","params":)" + std::string(params) + '}';
}
inline std::string waiting(std::string_view id, std::string_view name)
{
    return request(id, "wait", R"({"gate":")" + std::string(name) + "\"}") + '\n';
}
inline std::string cancelling(std::string_view id)
{
    return R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":)" + std::string(id) +
           "}}\n";
}
inline std::string success(std::string_view id, std::string_view value)
{
    return R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"result":)" + std::string(value) +
           '}';
}

using lines = std::vector<std::string>;
using local_socket = asio::basic_stream_socket<asio::local::stream_protocol, io_executor>;

/// A connection and the client at the other end, on one context.
struct served {
    explicit served(session_limits limits = {}, log_level level = log_level::info)
    {
        fakes.executor = io.get_executor();
        fakes.add_to(methods);
        local_socket near(io);
        asio::local::connect_pair(near, client);
        client.non_blocking(true);
        const logger log(level,
                         [this](log_level, std::string_view line) { logged.emplace_back(line); });
        serving = std::make_shared<connection>(io.get_executor(), near.release(), 1234U,
                                               std::make_shared<poller>(io.get_executor()), methods,
                                               limits, log);
        asio::dispatch(io, [this] { serving->start([this] { ++ends; }); });
        settle(io);
    }
    ~served()
    {
        if (client.is_open())
            client.close();
        fakes.gates.clear();
        run_to_end(io); // invariant 12
        BOOST_TEST(ends == 1);
        std::weak_ptr<connection> left = serving;
        serving.reset();
        BOOST_TEST(left.expired());
    }

    /// Sends all of `bytes`, letting the connection work, and everything that follows from it
    /// happen.
    void send(std::string_view bytes)
    {
        while (!bytes.empty()) {
            error_code ec;
            const std::size_t n = client.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
            BOOST_REQUIRE_MESSAGE(!ec || ec == asio::error::would_block, ec.message());
            bytes.remove_prefix(n);
            settle(io);
            if (ec == asio::error::would_block)
                receive();
        }
    }
    /// As much as the connection reads of it; how much that is.
    std::size_t send_what_goes(std::string_view bytes)
    {
        std::size_t sent = 0;
        for (error_code ec; !ec && sent != bytes.size();) {
            sent += client.write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), ec);
            settle(io);
        }
        return sent;
    }
    void half_close()
    {
        client.shutdown(local_socket::shutdown_send);
        settle(io);
    }
    /// Reads what is there into `text`.
    void receive()
    {
        for (error_code ec; !ec;) {
            char bytes[65536];
            const std::size_t n = client.read_some(asio::buffer(bytes), ec);
            text.append(bytes, n);
            at_end = ec == asio::error::eof;
            settle(io);
        }
    }
    /// The lines received since the last call.
    lines received()
    {
        receive();
        lines all;
        for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
            all.push_back(text.substr(0, end));
        return all;
    }
    bool closed_by_us()
    {
        receive();
        return at_end;
    }
    void open_gate(const std::string& name, result<std::string> value = std::string("\"open\""))
    {
        fakes.gates.at(name)->deliver(std::move(value));
        settle(io);
    }
    /// The kind of the only error that has arrived, with its id.
    std::string only_error()
    {
        const lines all = received();
        BOOST_REQUIRE_EQUAL(all.size(), 1U);
        const json::value reply = parse_json(all[0]).value();
        return json::serialize(reply.at("id")) + ' ' +
               std::string(reply.at("error").at("data").at("kind").as_string());
    }

    asio::io_context io{1};
    fake_methods fakes;
    dispatcher methods;
    local_socket client{io};
    std::vector<std::string> logged;
    std::shared_ptr<connection> serving;
    int ends = 0;
    std::string text;
    bool at_end = false;
};

} // namespace warmd::test

#define TEST_LINES(got, ...)                                                                       \
    BOOST_TEST((got) == (lines{__VA_ARGS__}), boost::test_tools::per_element())

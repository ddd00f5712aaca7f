#pragma once
// A service on a socket of its own, and a client of it.

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
#include <sys/stat.h>
#include <unistd.h>

namespace warmd::test {

using client_socket = asio::local::stream_protocol::socket;

inline asio::awaitable<result<std::string>> whoami(std::shared_ptr<request_peer> from)
{
    co_return std::to_string(from->peer_uid());
}

inline asio::awaitable<result<std::string>> origin(std::shared_ptr<request_peer> from)
{
    co_return std::to_string(from->origin());
}

/// A service on a socket of its own.
struct served {
    explicit served(server_config changes = {})
    {
        methods.add("whoami",
                    {.at_once = {}, .read = [](const json_node&) { return job(whoami); }});
        methods.add("origin",
                    {.at_once = {}, .read = [](const json_node&) { return job(origin); }});
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
    /// What `method` answers to a fresh client.
    std::string ask(client_socket& client, const std::string& method = "whoami")
    {
        asio::write(client,
                    asio::buffer(R"({"jsonrpc":"2.0","id":1,"method":")" + method + "\"}\n"));
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

inline bool fails_with(const result<void>& what, std::string_view words)
{
    if (!what)
        BOOST_TEST_MESSAGE(what.error().detail);
    return !what && what.error().detail.find(words) != std::string::npos;
}

/// Leaves a socket nobody listens on, as a daemon that was killed does.
inline void leave_stale_socket(asio::io_context& io, const std::string& path)
{
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    asio::local::stream_protocol::acceptor(io, path);
}

} // namespace warmd::test

#pragma once
// A peer on a Unix socket that answers each line by a script: a stand-in for the daemon.

#include "support/scratch.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace warmd::test {

/// Serves one connection on a thread of its own until the client or the script hangs up.
class scripted_peer {
public:
    /// Given a request, the bytes to send back; nothing hangs up.
    using script = std::function<std::optional<std::string>(const json::object& request)>;

    /// `once`: hangs up after the first answer.
    explicit scripted_peer(script answers, bool once = false)
        : answers_(std::move(answers)), once_(once),
          listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size());
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, 8) != 0)
            throw std::runtime_error("cannot listen on " + path());
        thread_ = std::thread([this] { serve(); });
    }
    ~scripted_peer()
    {
        finish();
        ::close(listener_);
    }
    scripted_peer(const scripted_peer&) = delete;
    scripted_peer& operator=(const scripted_peer&) = delete;

    std::string path() const { return directory_.path / "peer.sock"; }

    /// Waits for the connection to end (one that never came ends at once); then what was asked, in
    /// order.
    const std::vector<json::object>& finish()
    {
        ::shutdown(listener_, SHUT_RDWR); // wakes accept
        if (thread_.joinable())
            thread_.join();
        return requests_;
    }

private:
    void serve()
    {
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0)
            return;
        std::string in;
        char space[4096];
        for (ssize_t n; (n = ::recv(connection, space, sizeof space, 0)) > 0;) {
            in.append(space, static_cast<std::size_t>(n));
            if (!answer_lines(connection, in))
                break;
        }
        ::close(connection);
    }

    bool answer_lines(int connection, std::string& in)
    {
        for (std::size_t end; (end = in.find('\n')) != std::string::npos; in.erase(0, end + 1)) {
            requests_.push_back(parse_json(in.substr(0, end)).value().as_object());
            const auto bytes = answers_(requests_.back());
            if (!bytes)
                return false;
            if (!bytes->empty() &&
                ::send(connection, bytes->data(), bytes->size(), MSG_NOSIGNAL) < 0)
                return false;
            if (once_)
                return false;
        }
        return true;
    }

    scratch_directory directory_;
    script answers_;
    bool once_;
    int listener_;
    std::thread thread_;
    std::vector<json::object> requests_;
};

/// One line that answers `request` with `result`, JSON text.
inline std::string answer(const json::object& request, const std::string& result)
{
    return R"({"jsonrpc":"2.0","id":)" + json::serialize(request.at("id")) + R"(,"result":)" +
           result + "}\n";
}

/// One line that refuses `request`; `error`: JSON text.
inline std::string refusal(const json::object& request, const std::string& error)
{
    return R"({"jsonrpc":"2.0","id":)" + json::serialize(request.at("id")) + R"(,"error":)" +
           error + "}\n";
}

} // namespace warmd::test

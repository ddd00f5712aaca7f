// A loopback listener outside the daemon.

#include "warmctl/over_http.hpp"

#include "base/config.hpp"
#include "http/http_guard.hpp"
#include "http/http_inbox.hpp"
#include "http/http_reply.hpp"
#include "server/http_token.hpp"
#include "server/loopback_listener.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/write.hpp>

#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

namespace warmd::ctl {

namespace {

using boost::system::error_code;
using to_client = asio::basic_stream_socket<asio::ip::tcp, io_executor>;
using to_daemon = asio::basic_stream_socket<asio::local::stream_protocol, io_executor>;

constexpr std::size_t most_visitors = 256;

/// How awaitables are waited for here: `ec` says how that ended.
auto noting(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// What all connections share.
struct house {
    std::string socket; ///< the daemon's
    http_guard guard;
    std::size_t visitors = 0;
};

/// One client. Requests go to the daemon as they come, responses back as bytes; what is not let
/// through is answered after them, and is the last.
class visitor : public std::enable_shared_from_this<visitor> {
public:
    visitor(const io_executor& on, int socket, std::shared_ptr<house> of)
        : on_(on), of_(std::move(of)), client_(on), daemon_(on),
          answered_(on, io_timer::time_point::max()), in_(session_limits().max_frame_bytes)
    {
        error_code ec;
        sockaddr_storage at{};
        socklen_t size = sizeof at;
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
        client_.assign(at.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket,
                       ec);
        ++of_->visitors;
    }
    ~visitor() { --of_->visitors; }

    void start()
    {
        asio::co_spawn(on_, requests(),
                       [self = shared_from_this()](const std::exception_ptr&) { self->close(); });
    }

private:
    asio::awaitable<void> requests()
    {
        while (auto request = co_await next_request()) {
            if (auto instead = of_->guard.answer_instead(*request))
                co_return co_await refuse(std::move(*instead), request->version());
            if (!daemon_.is_open())
                if (const error_code ec = connect())
                    co_return co_await refuse(no_daemon(ec), request->version());
            if (of_->guard.may_know_status_only(*request))
                request->erase(beast_http::field::authorization); // the daemon goes by that
            request->set(beast_http::field::forwarded, "for=_client");
            request->erase(beast_http::field::expect);
            error_code ec;
            co_await beast_http::async_write(daemon_, *request, noting(ec));
            if (ec)
                co_return;
        }
    }

    /// Nothing: the client has ended, or has been refused.
    asio::awaitable<std::optional<http_request>> next_request()
    {
        for (;;) {
            http_inbox::event came = in_.next();
            if (auto* request = std::get_if<http_request>(&came))
                co_return std::move(*request);
            if (const auto* bad = std::get_if<http_inbox::unreadable>(&came)) {
                co_await refuse(failed(bad->status, bad->why), 11);
                co_return std::nullopt;
            }
            if (std::holds_alternative<http_inbox::waits_to_send>(came))
                continue; // it sends in the end: a word between responses would be part of one
            const std::span<char> space = in_.space();
            error_code ec;
            const std::size_t read = co_await client_.async_read_some(
                asio::buffer(space.data(), space.size()), noting(ec));
            if (ec)
                co_return std::nullopt;
            in_.filled(read);
        }
    }

    error_code connect()
    {
        error_code ec;
        daemon_.connect(asio::local::stream_protocol::endpoint(of_->socket), ec);
        if (ec) {
            error_code ignored;
            daemon_.close(ignored);
            return ec;
        }
        asio::co_spawn(on_, answers(), [self = shared_from_this()](const std::exception_ptr&) {
            self->over_ = true;
            self->answered_.cancel();
            if (!self->refusing_)
                self->close();
        });
        return {};
    }

    asio::awaitable<void> answers()
    {
        std::array<char, 64 * 1024> bytes;
        for (error_code ec;;) {
            const std::size_t read =
                co_await daemon_.async_read_some(asio::buffer(bytes), noting(ec));
            if (ec)
                co_return;
            co_await asio::async_write(client_, asio::buffer(bytes.data(), read), noting(ec));
            if (ec)
                co_return close();
        }
    }

    asio::awaitable<void> refuse(http_reply reply, unsigned version)
    {
        refusing_ = true;
        error_code ec;
        if (daemon_.is_open()) {
            daemon_.shutdown(to_daemon::shutdown_send, ec);
            while (!over_)
                co_await answered_.async_wait(noting(ec));
            ec = {};
        }
        text_queue text;
        append_reply(text, std::move(reply),
                     {.version = version, .keeps_alive = false, .id = "refused"});
        while (!text.empty() && !ec) {
            const std::string_view next = text.front();
            text.use(co_await asio::async_write(client_, asio::buffer(next.data(), next.size()),
                                                noting(ec)));
        }
        client_.shutdown(to_client::shutdown_send, ec);
    }

    http_reply no_daemon(const error_code& why) const
    {
        return failed(
            {errc::shutting_down, "there is no daemon at " + of_->socket + ": " + why.message()});
    }

    void close()
    {
        error_code ignored;
        client_.close(ignored);
        daemon_.close(ignored);
    }

    const io_executor on_;
    const std::shared_ptr<house> of_;
    to_client client_;
    to_daemon daemon_;  // open once there is something to ask
    io_timer answered_; // a bell: the daemon has said all
    http_inbox in_;
    bool over_ = false, refusing_ = false;
};

/// The token in the file that is named, or the daemon's; if it has none, a new one is left there.
result<std::string> token_of(const arguments& typed, const std::string& socket)
{
    if (const auto named = typed.text("token-file"))
        return read_http_token(*named);
    const std::string file = http_token_path(socket);
    std::error_code ec;
    if (std::filesystem::exists(file, ec))
        return read_http_token(file);
    std::string made = new_http_token();
    if (const auto written = write_http_token(file, made); !written)
        return written.error();
    return made;
}

logger to_standard_error()
{
    return {log_level::info,
            [](log_level, std::string_view line) { std::cerr << "warmctl: " << line << '\n'; }};
}

} // namespace

result<void> proxy(const arguments& typed, const std::string& socket)
{
    const std::string where = typed.text("listen").value_or("127.0.0.1:8080");
    const auto address = parse_tcp_address(where);
    if (!address)
        throw usage_error("--listen must be an address and a port such as 127.0.0.1:8080, found '" +
                          where + "'");
    auto token = token_of(typed, socket);
    if (!token)
        return token.error();
    const auto all = std::make_shared<house>(house{socket, http_guard(std::move(*token), {}), 0});
    asio::io_context io{1};
    const auto listener = std::make_shared<loopback_listener>(
        io.get_executor(), to_standard_error(), [&](int connected) {
            if (all->visitors == most_visitors)
                ::close(connected);
            else
                std::make_shared<visitor>(io.get_executor(), connected, all)->start();
        });
    if (auto listening = listener->listen(*address); !listening)
        return listening;
    std::cout << listener->url() << std::endl;
    listener->start();
    io.run();
    return failure{errc::internal_error, "nothing listens any more"};
}

} // namespace warmd::ctl

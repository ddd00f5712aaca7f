#pragma once
// What a service is made of.

#include "base/spare_memory.hpp"
#include "http/http_guard.hpp"
#include "server/connection.hpp"
#include "server/directory_watch.hpp"
#include "server/loopback_listener.hpp"
#include "server/peer.hpp"
#include "server/service.hpp"
#include "server/socket_path.hpp"
#include "server/stream_session.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace warmd {

using local_socket = asio::basic_stream_socket<asio::local::stream_protocol, io_executor>;

class service::impl : public std::enable_shared_from_this<impl> {
public:
    impl(io_executor executor, server_config config, const dispatcher& methods, logger log,
         const time_source& time)
        : executor_(executor), counts_(methods.counted()->connections), config_(std::move(config)),
          dispatcher_(methods), log_(std::move(log)), acceptor_(executor),
          guard_(config_.http.token, config_.http.origins),
          poller_(std::make_shared<poller>(executor)), pause_(executor), now_(time.now),
          look_(time.make_alarm(executor)), ended_(executor, io_timer::time_point::max())
    {
    }

    result<void> start();
    void drain();
    void stop();
    asio::awaitable<void> ended();
    std::size_t connections() const { return connections_.size(); }
    std::vector<std::string> urls() const;
    void look_first(int descriptor, std::function<bool()> look)
    {
        look_at_once_ = look;
        poller_->look_first(descriptor, std::move(look));
    }
    void on_client_gone(std::function<void()> gone) { client_gone_ = std::move(gone); }
    void on_path_lost(std::function<void(const std::string&)> lost) { lost_ = std::move(lost); }

private:
    using acceptor = asio::basic_socket_acceptor<asio::local::stream_protocol, io_executor>;

    void serve_streams();
    result<void> listen();
    result<void> take_over();
    void watch_path();
    void look_at_path();
    asio::awaitable<void> accept();
    std::chrono::milliseconds next_pause(const error_code& why);
    void admit(local_socket connected);
    void admit_over_tcp(int socket);
    void serve(int socket, unsigned uid, int pid, const http_guard* guard);
    std::optional<failure> full() const;
    result<void> listen_on_tcp();
    loopback_listener& one_more_over_tcp();
    void stop_accepting();
    void ring_if_ended();
    void look_later();
    void look();
    void give_back_what_is_spare();

    const io_executor executor_;
    connection_counts& counts_;
    const server_config config_;
    const dispatcher& dispatcher_;
    const logger log_;

    acceptor acceptor_;
    const http_guard guard_; // of what comes over TCP
    std::vector<std::shared_ptr<loopback_listener>> over_tcp_;
    std::size_t open_over_tcp_ = 0;        // connections
    const std::shared_ptr<poller> poller_; // of all connections
    socket_path path_;
    std::shared_ptr<directory_watch> watch_; // of path_; none if the socket was passed
    std::function<void(const std::string&)> lost_ = [](const std::string&) {};
    io_timer pause_;
    std::chrono::milliseconds deaf_for_{0}; // the last pause, while accepting fails
    refusal_log refusals_;
    bool accepting_ = false; // accept() has not returned
    std::unordered_set<std::shared_ptr<connection>> connections_;
    std::shared_ptr<stream_session> only_; // the client of config_.streams, while it is there
    std::function<bool()> look_at_once_ = [] { return false; };
    std::function<void()> client_gone_ = [] {};
    const std::function<time_point()> now_;
    const std::unique_ptr<alarm> look_; // set while there are connections
    time_point look_due_{};
    spare_memory spare_;
    io_timer ended_; // a bell
};

} // namespace warmd

// Bytes on a connection: framing, JSON-RPC, every method's parameters, the dispatcher and the
// cache, over a dummy model. Promises: it ends, nothing is thrown, and what comes back can be read
// by a client.

#include "fuzz/input.hpp"

#include "base/time_source.hpp"
#include "methods/methods.hpp"
#include "server/connection.hpp"
#include "wire/frame.hpp"
#include <warmd/json.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace warmd;

namespace {

/// Time stands still, so no deadline passes and nothing expires.
using local_socket = asio::basic_stream_socket<asio::local::stream_protocol, io_executor>;

struct mute_alarm final : alarm {
    void set(time_point, std::function<void()>) override {}
    void cancel() override {}
};

/// Dummy models without their delays, which would take real time, and without sizes.
loader patient_loader()
{
    const loader dummy = dummy_loader();
    return {[dummy](model_spec asked, const file_rules& rules) {
                asked.options = "{}";
                return dummy.resolve(asked, rules);
            },
            dummy.load};
}

/// A daemon without a socket, its workers stepped by hand. It serves one input after the other, and
/// is as it was after each.
class served {
public:
    served()
    {
        registry_.add("dummy", patient_loader());
        const asio::any_io_executor work = workers_.get_executor();
        const time_source frozen{
            [] { return time_point(); },
            [](const asio::any_io_executor&) { return std::make_unique<mute_alarm>(); }};
        cache_.emplace(io_.get_executor(), worker_executors{work, work, work}, registry_,
                       info_.limits, logger(), frozen);
        add_methods(methods_, *cache_, info_);
    }
    ~served()
    {
        asio::co_spawn(io_, cache_->drain(std::chrono::minutes(1)),
                       [](std::exception_ptr thrown, bool clean) {
                           fuzz::check(!thrown && clean, "the cache drains");
                       });
        settle();
        cache_.reset();
        settle();
    }

    /// What comes back to a client that sends `bytes` and closes its writing side.
    std::string_view converse(std::string_view bytes)
    {
        local_socket here(io_), there(io_);
        asio::local::connect_pair(here, there);
        bool ended = false;
        const auto serving = std::make_shared<connection>(
            io_.get_executor(), there.release(), ::geteuid(), poller_, methods_,
            session_limits{
                .max_frame_bytes = 8 << 10, .max_in_flight_total = 8, .max_reply_bytes = 64 << 10},
            logger());
        serving->start([&ended] { ended = true; });
        ::send(here.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        ::shutdown(here.native_handle(), SHUT_WR);
        replies_.clear();
        for (int rounds = 0; rounds != 1000 && !ended; ++rounds) {
            settle();
            receive(here.native_handle());
        }
        serving->stop();
        settle();
        fuzz::check(ended, "a connection that has been answered ends");
        return replies_;
    }

    void forget_everything()
    {
        const unload_request all{.keys = {}, .all = true, .wait = true};
        asio::co_spawn(io_, cache_->unload(all), [](std::exception_ptr thrown, const auto&) {
            fuzz::check(!thrown, "everything can be unloaded");
        });
        settle();
        cache_->models(left_);
        fuzz::check(left_.empty() && cache_->stats().waiters == 0,
                    "nothing is left of a client that has gone");
        fuzz::check(cache_->broken_invariant().empty(), "the cache's invariants hold");
    }

private:
    void settle()
    {
        do {
            io_.restart();
            workers_.restart();
        } while (io_.poll() + workers_.poll() != 0);
    }

    void receive(int from)
    {
        static char buffer[64 << 10];
        for (ssize_t got; (got = ::recv(from, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
            replies_.append(buffer, static_cast<std::size_t>(got));
    }

    asio::io_context io_{1}, workers_{1};
    backend_registry registry_;
    daemon_info info_{
        .version = "0",
        .started = {},
        .limits = {},
        .request = {.max_prompts = 16,
                    .max_tokens = 64}, // what a request asks for takes as long as it takes
        .models = {},
        .draining = [] { return false; },
        .shut_down = [](auto) {},
        .reload =
            [](auto told) {
                told(failure{errc::unsupported, "no file"});
            }};
    std::optional<backend_cache> cache_;
    dispatcher methods_;
    const std::shared_ptr<poller> poller_ = std::make_shared<poller>(io_.get_executor());
    std::string replies_;
    std::vector<model_info> left_;
};

void check_replies(std::string_view all)
{
    frame_decoder decoder(64 << 20);
    for (;;) {
        const auto frame = decoder.next();
        fuzz::check(frame.has_value(), "replies are framed");
        if (*frame) {
            fuzz::check(parse_json(**frame).has_value(), "replies are JSON");
            continue;
        }
        if (all.empty())
            return;
        const std::span<char> room = decoder.prepare();
        const std::size_t count = std::min(room.size(), all.size());
        std::copy_n(all.begin(), count, room.begin());
        decoder.commit(count);
        all.remove_prefix(count);
    }
}

/// What begins as HTTP does is answered so, or not at all.
void check_responses(std::string_view all)
{
    fuzz::check(all.empty() || all.starts_with("HTTP/1."), "responses are HTTP");
}

bool is_http(std::string_view sent)
{
    return !sent.empty() && std::string_view("GHPOD").find(sent.front()) != std::string_view::npos;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t most = 16 << 10; // beyond it one read would not take all
    constexpr int inputs_each = 256;       // making a daemon takes longer than most inputs
    if (size > most)
        return 0;
    static std::unique_ptr<served> daemon;
    static int inputs = 0;
    if (inputs++ % inputs_each == 0)
        daemon = std::make_unique<served>();
    const std::string_view sent = fuzz::text_of(data, size);
    const std::string_view answered = daemon->converse(sent);
    if (is_http(sent))
        check_responses(answered);
    else
        check_replies(answered);
    daemon->forget_everything();
    return 0;
}

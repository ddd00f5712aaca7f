// Bytes on a connection: framing, JSON-RPC, every method's parameters, the dispatcher and the cache, over a dummy model.
// Promises: it ends, nothing is thrown, and what comes back can be read by a client.

#include "fuzz/input.hpp"

#include <warmd/frame.hpp>
#include <warmd/json.hpp>
#include <warmd/methods.hpp>
#include <warmd/session.hpp>
#include <warmd/time_source.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/write.hpp>

#include <unistd.h>

#include <algorithm>
#include <optional>

using namespace warmd;

namespace {

/// Time stands still, so no deadline passes and nothing expires.
struct mute_alarm final : alarm {
    void set(time_point, std::function<void()>) override {}
    void cancel() override {}
};

/// Dummy models without their delays, which would take real time, and without sizes.
loader patient_loader()
{
    const loader dummy = dummy_loader();
    return {[dummy](model_spec asked) {
                asked.options = "{}";
                return dummy.resolve(asked);
            },
            dummy.load};
}

struct served {
    asio::io_context io{1}, workers{1};
    backend_registry registry;
    daemon_info info{.version = "0",
                     .started = {},
                     .limits = {},
                     .models = {},
                     .draining = [] { return false; },
                     .shut_down = [](auto) {},
                     .reload = [](auto told) { told(failure{errc::unsupported, "no file"}); }};
    std::optional<backend_cache> cache;
    dispatcher methods;

    served()
    {
        registry.add("dummy", patient_loader());
        const asio::any_io_executor work = workers.get_executor();
        const time_source frozen{[] { return time_point(); }, [](const asio::any_io_executor&) { return std::make_unique<mute_alarm>(); }};
        cache.emplace(io.get_executor(), worker_executors{work, work, work}, registry, info.limits, logger(), frozen);
        add_methods(methods, *cache, info);
    }
    ~served()
    {
        asio::co_spawn(io, cache->drain(std::chrono::minutes(1)), [](std::exception_ptr, bool) {});
        settle();
        cache.reset();
        settle();
    }
    void settle()
    {
        do {
            io.restart();
            workers.restart();
        } while (io.poll() + workers.poll() != 0);
    }
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

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t most = 16 << 10; // beyond it one read would not take all
    if (size > most)
        return 0;
    served daemon;
    session::socket here(daemon.io), there(daemon.io);
    asio::local::connect_pair(here, there);
    const auto serving = std::make_shared<session>(std::move(there), ::geteuid(), std::make_shared<poller>(daemon.io.get_executor()),
                                                   daemon.methods, session_limits{.max_frame_bytes = 8 << 10}, logger());
    bool ended = false;
    serving->start([&ended] { ended = true; });
    here.non_blocking(true);
    error_code ec;
    asio::write(here, asio::buffer(data, size), ec);
    here.shutdown(session::socket::shutdown_send, ec);
    std::string replies;
    for (int rounds = 0; rounds != 1000 && !ended; ++rounds) {
        daemon.settle();
        char buffer[64 << 10];
        for (std::size_t got = 1; got != 0 && !ec;) {
            got = here.read_some(asio::buffer(buffer), ec);
            replies.append(buffer, got);
        }
        ec.clear();
    }
    serving->stop();
    daemon.settle();
    fuzz::check(ended, "a connection that has been answered ends");
    check_replies(replies);
    return 0;
}

#include "app/supervision.hpp"

#include "methods/replies.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace warmd {

supervision::supervision(io_executor io, notify_socket to, std::chrono::nanoseconds watchdog,
                         backend_cache& cache, const daemon_info& daemon, const time_source& time)
    : io_(io), to_(std::move(to)), report_(watchdog), cache_(cache), daemon_(daemon),
      now_(time.now), alarm_(time.make_alarm(io_))
{
}

void supervision::start()
{
    to_.send(report_.listening(now_()));
    if (to_)
        look_later();
}

void supervision::reload_begins() { to_.send(report_.reload_begins(now_())); }
void supervision::reload_ended() { to_.send(report_.reload_ended()); }

void supervision::stopping(std::chrono::nanoseconds deadline)
{
    const time_point now = now_();
    to_.send(report_.stopping(now + deadline, now));
}

void supervision::stop()
{
    stopped_ = true;
    alarm_->cancel();
}

void supervision::look_later()
{
    if (stopped_)
        return;
    alarm_->set(now_() + report_.interval(), [this] { asio::post(io_, [this] { look(); }); });
}

/// Behind all that waits on the cache's executor: if that does not come to this, nothing is sent
/// any more, and the watchdog bites.
void supervision::look()
{
    std::vector<model_info> models;
    cache_.models(models);
    const cache_stats stats = cache_.stats();
    const time_point now = now_();
    to_.send(report_.looked(
        {.models = stats.loaded_models,
         .loading = stats.loading,
         .bytes = stats.charged_bytes,
         .requests = stats.hits + stats.misses + stats.joins,
         .leases = stats.leases,
         .stuck = replies::what_is_stuck(models, stats, daemon_.limits, cache_.now())},
        now));
    look_later();
}

} // namespace warmd

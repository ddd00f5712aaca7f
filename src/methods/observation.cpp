// What can be seen of the daemon: never counts as use.

#include "methods/handlers.hpp"
#include "methods/notifications.hpp"
#include "methods/replies.hpp"
#include "methods/survey.hpp"

namespace warmd {

namespace {

std::vector<model_info> models_now(const surroundings& in)
{
    std::vector<model_info> models;
    in.cache->models(models);
    return models;
}

answer models(surroundings in, nothing, peer)
{
    const auto key_of = [&](const model_spec& named) -> std::optional<cache_key> {
        const auto found = in.cache->last_known(named);
        return found ? std::optional(found->key) : std::nullopt;
    };
    co_return replies::models(in.cache->models_at_work(), *in.daemon, key_of, in.cache->now());
}

std::vector<family> survey_of(const surroundings& in)
{
    return survey(*in.counted, models_now(in), in.cache->stats(), *in.daemon, in.cache->now());
}

answer stats(surroundings in, nothing, peer)
{
    const std::vector<family> all = survey_of(in);
    std::string text;
    json_writer to(text);
    to.begin_object();
    write_stats(to, all);
    to.end_object();
    co_return text;
}

answer metrics_text(surroundings in, nothing, peer)
{
    const std::vector<family> all = survey_of(in);
    std::string text;
    json_writer(text)
        .begin_object()
        .member("content_type", exposition_type)
        .member("text", exposition(all))
        .end_object();
    co_return text;
}

answer health(surroundings in, nothing, peer)
{
    std::string text;
    replies::write_health(text, models_now(in), in.cache->stats(), *in.counted, *in.daemon,
                          in.cache->now());
    co_return text;
}

/// Answers `health` without a coroutine, in memory that is there already.
method_adder::at_once health_at_once(const surroundings& in,
                                     std::shared_ptr<const schema::reader> by)
{
    const auto models = std::make_shared<std::vector<model_info>>();
    return [in, by = std::move(by), models](const json_node& given, std::string& out) {
        if (!read_request<nothing>(*by, given, *in.daemon))
            return false;
        in.cache->models(*models);
        replies::write_health(out, *models, in.cache->stats(), *in.counted, *in.daemon,
                              in.cache->now());
        return true;
    };
}

answer discover(surroundings in, nothing, peer) { co_return *in.document; }

method_adder::at_once discover_at_once(const surroundings& in,
                                       std::shared_ptr<const schema::reader> by)
{
    return [in, by = std::move(by)](const json_node& given, std::string& out) {
        if (!read_request<nothing>(*by, given, *in.daemon))
            return false;
        out += *in.document;
        return true;
    };
}

event_sink events_to(const peer& from)
{
    return [to = std::weak_ptr(from)](const cache_event& happened) {
        if (const auto client = to.lock())
            client->notify("event", replies::event(happened));
    };
}

/// Holds the subscription, too.
std::function<void(std::size_t)> tell_lost(const peer& from, subscription watching)
{
    return [to = std::weak_ptr(from), held = std::move(watching)](std::size_t dropped) {
        if (const auto client = to.lock())
            client->notify("event", replies::lost(dropped));
    };
}

answer subscribe(surroundings in, subscribe_request asked, peer from)
{
    event_sink sink = events_to(from);
    subscription watching = co_await in.cache->subscribe(asked.events, std::move(sink));
    if (!from->outlive_reply(tell_lost(from, std::move(watching))))
        co_return failure{errc::busy, "this connection has as many subscriptions as it may have"};
    co_return replies::subscribed(asked.events);
}

} // namespace

void add_observation(method_adder& to)
{
    to.add("health", read_request<nothing>, health,
           health_at_once(to.in(), to.reader_of("health")));
    to.add("stats", read_request<nothing>, stats);
    to.add("metrics", read_request<nothing>, metrics_text);
    to.add("models", read_request<nothing>, models);
    to.add("subscribe", read_request<subscribe_request>, subscribe);
    to.add("rpc.discover", read_request<nothing>, discover,
           discover_at_once(to.in(), to.reader_of("rpc.discover")));
}

} // namespace warmd

#include "methods/replies.hpp"

#include "base/text.hpp"
#include "methods/object_text.hpp"

#include <unistd.h>

#include <algorithm>

namespace warmd::replies {

namespace {

/// The members that make a model's identity.
void write_identity(json_writer& to, const model_spec& spec)
{
    to.member("kind", spec.kind).member("base", spec.base);
    member_or_null(to, "revision", spec.revision);
    member_or_null(to, "adapter", spec.adapter);
    to.member("dtype", spec.dtype).member("device", spec.device);
    member_or_null(to, "entry_point", spec.entry_point);
    to.key("options").raw(spec.options);
}

void write_model(json_writer& to, const resolved_model& model)
{
    to.member("key", model.key.text).key("model").begin_object();
    write_identity(to, model.spec);
    to.end_object();
}

/// What "auto" means is for the kind to say: who asked is told.
void write_computes(json_writer& to, const resolved_model& model)
{
    member_or_null(to, "computes",
                   model.computes.empty() ? std::nullopt : std::optional(model.computes));
}

/// What is not there does nothing, and has no tokenizer yet.
void write_activity(json_writer& to, const std::optional<activity>& doing)
{
    const activity now = doing.value_or(activity());
    to.member("running", now.running)
        .member("queued_tokens", now.queued_tokens)
        .member("kv_bytes", now.kv_bytes);
    member_or_null(to, "tokenizer", doing ? std::optional(now.tokenizer) : std::nullopt);
}

void write_worker(json_writer& to, const worker_status& what)
{
    to.begin_object().member("kind", what.kind).member("key", what.key);
    member_or_null(to, "pid", what.pid != 0 ? std::optional(what.pid) : std::nullopt);
    to.member("state", what.state).member("restarts", what.restarts);
    member_or_null(to, "device_bytes", what.device_bytes);
    to.member("sandbox", what.sandbox).member("trouble", what.trouble).end_object();
}

void write_worker_of(json_writer& to, const resolved_model& model,
                     std::span<const worker_status> workers)
{
    const auto found = std::find_if(workers.begin(), workers.end(),
                                    [&](const auto& each) { return each.key == model.key.text; });
    to.key("worker");
    if (found == workers.end())
        to.value(nullptr);
    else
        write_worker(to, *found);
}

double oldest_wait(const cache_stats& stats, time_point now)
{
    return stats.oldest_waiter ? in_seconds(now - *stats.oldest_waiter) : 0;
}

/// By then the first in line has drained who was in its way, seen it closed or overdue, and been
/// loaded or refused: somebody who still waits is behind others who are slow, behind calls that do
/// not end, or was forgotten.
std::chrono::nanoseconds longest_wait_expected(const cache_limits& limits)
{
    return limits.max_wait + limits.close_timeout + limits.load_timeout;
}

} // namespace

std::optional<std::uint64_t> longest_input_of(const resolved_model& model)
{
    return model.longest_input == 0 ? std::nullopt : std::optional(model.longest_input);
}

std::vector<std::string> what_is_stuck(std::span<const model_info> models, const cache_stats& stats,
                                       const cache_limits& limits, time_point now)
{
    std::vector<std::string> reasons;
    for (const model_info& each : models)
        if (each.entry.overdue)
            reasons.push_back(
                "the " + std::string(each.entry.state == entry_state::closing ? "close" : "load") +
                " of " + each.entry.key.text + " is past its deadline");
    for (const std::string& each : stats.overdue_look_ups)
        reasons.push_back("looking at " + each +
                          " has not come back: its file system does not answer");
    const auto expected = longest_wait_expected(limits);
    if (stats.oldest_waiter && now - *stats.oldest_waiter > expected)
        reasons.push_back(
            "a request has waited for a model longer than max_wait, close_timeout and load_timeout "
            "together, " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(expected).count()) +
            " seconds");
    return reasons;
}

std::optional<std::string> slow_step(const metrics& counted, time_point now)
{
    const auto since = step_under_way(counted, now);
    if (!since || *since <= longest_step_expected)
        return {};
    return "one step of models has been computing for " +
           std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*since).count()) +
           " seconds, longer than the " + std::to_string(longest_step_expected.count()) +
           " that it may take: everybody waits for it";
}

void write_loaded(std::string& out, const residency& what, bool cached, bool joined)
{
    write_object(out, [&](json_writer& to) {
        write_model(to, *what.model);
        write_computes(to, *what.model);
        to.member("state", name(entry_state::ready))
            .member("cached", cached)
            .member("joined", joined)
            .member("load_seconds", what.load_seconds)
            .member("bytes", what.bytes.all)
            .member("generation", what.model->files.text);
        to.key("warnings").array(what.warnings);
        member_or_null(to, "max_positions", longest_input_of(*what.model));
    });
}

std::string unloaded(std::span<const cache_key> keys)
{
    return object([&](json_writer& to) {
        to.key("unloaded").begin_array();
        for (const cache_key& key : keys)
            to.value(key.text);
        to.end_array();
    });
}

std::string pinned(const cache_key& key, bool pinned)
{
    return object([&](json_writer& to) { to.member("key", key.text).member("pinned", pinned); });
}

std::string reloaded(const model_changes& changes)
{
    return object([&](json_writer& to) {
        to.key("added").array(changes.added);
        to.key("removed").array(changes.removed);
        to.key("changed").array(changes.changed);
        to.key("unchanged").array(changes.unchanged);
    });
}

std::string models(std::span<const model_info> models, const daemon_info& daemon,
                   const known_key& key_of, time_point now)
{
    const std::vector<worker_status> workers = daemon.workers();
    const auto write_seconds = [](json_writer& to, std::string_view name,
                                  std::optional<std::chrono::nanoseconds> time) {
        member_or_null(to, name,
                       time ? std::optional(std::max(0.0, in_seconds(*time))) : std::nullopt);
    };
    return object([&](json_writer& to) {
        to.key("models").begin_array();
        for (const auto& [model, entry, load_seconds, calls, doing] : models) {
            to.begin_object();
            write_model(to, *model);
            write_computes(to, *model);
            member_or_null(to, "max_model_len", longest_input_of(*model));
            to.member("state", name(entry.state))
                .member("bytes", entry.bytes.all)
                .member("shared_bytes", entry.bytes.shared)
                .member("estimated_bytes", entry.estimated_bytes)
                .member("leases", entry.leases)
                .member("waiters", entry.waiters)
                .member("pinned", entry.pinned)
                .member("load_seconds", load_seconds);
            write_seconds(to, "idle_seconds",
                          entry.idle_since ? std::optional(now - *entry.idle_since) : std::nullopt);
            write_seconds(to, "expires_in_seconds",
                          entry.expires_at ? std::optional(*entry.expires_at - now) : std::nullopt);
            to.member("generation", entry.files.text).member("calls", calls);
            write_activity(to, doing);
            write_worker_of(to, *model, workers);
            to.end_object();
        }
        to.end_array();
        to.key("names").begin_array();
        for (const auto& [name, spec] : daemon.models) {
            to.begin_object().member("name", name).key("model").begin_object();
            write_identity(to, spec);
            to.end_object();
            const auto key = key_of(spec);
            member_or_null(to, "key", key ? std::optional(key->text) : std::nullopt);
            to.end_object();
        }
        to.end_array();
    });
}

/// By the names of the options; seconds, 0 for never.
static void write_limits(json_writer& to, const daemon_info& daemon)
{
    const session_limits& connection = daemon.connection;
    to.begin_object()
        .member("max_frame_bytes", connection.max_frame_bytes)
        .member("max_json_depth", max_json_depth)
        .member("max_in_flight", connection.max_in_flight)
        .member("max_in_flight_total", connection.max_in_flight_total)
        .member("max_connections", daemon.max_connections)
        .member("max_waiters", daemon.limits.max_waiters)
        .member("max_prompts", daemon.request.max_prompts)
        .member("max_tokens", daemon.request.max_tokens)
        .member("max_http_logprobs", daemon.request.max_http_logprobs)
        .member("max_reply_bytes", connection.max_reply_bytes)
        .member("max_unread_bytes", connection.max_unread_bytes)
        .member("idle_connection_timeout", in_seconds(connection.idle_timeout))
        .member("frame_timeout", in_seconds(connection.frame_timeout))
        .member("max_loaded_models", daemon.limits.max_loaded_models)
        .member("max_loaded_bytes", daemon.limits.max_loaded_bytes)
        .member("idle_timeout", in_seconds(daemon.limits.idle_timeout))
        .member("max_wait", in_seconds(daemon.limits.max_wait))
        .member("load_timeout", in_seconds(daemon.limits.load_timeout))
        .member("close_timeout", in_seconds(daemon.limits.close_timeout))
        .member("max_kv_bytes", daemon.compute.max_kv_bytes)
        .member("prefix_cache_bytes", daemon.compute.prefix_cache_bytes)
        .member("answer_cache_bytes", daemon.compute.answer_cache_bytes)
        .member("step_time", in_seconds(daemon.compute.step_time))
        .end_object();
}

void write_health(std::string& out, std::span<const model_info> models, const cache_stats& stats,
                  const metrics& counted, const daemon_info& daemon, time_point now)
{
    std::vector<std::string> reasons = what_is_stuck(models, stats, daemon.limits, now);
    if (auto slow = slow_step(counted, now))
        reasons.push_back(std::move(*slow));
    const std::vector<worker_status> workers = daemon.workers();
    for (const worker_status& each : workers)
        if (!each.trouble.empty())
            reasons.push_back(each.trouble);
    const bool draining = daemon.draining();
    write_object(out, [&](json_writer& to) {
        to.member("status", draining          ? "draining"
                            : reasons.empty() ? "ok"
                                              : "degraded")
            .member("ready", !draining)
            .key("reasons")
            .array(reasons)
            .member("version", daemon.version)
            .member("pid", ::getpid())
            .member("uptime_seconds", in_seconds(now - daemon.started))
            .key("http")
            .array(daemon.urls())
            .key("loaded_models")
            .begin_array();
        for (const model_info& each : models) {
            if (each.entry.state != entry_state::ready)
                continue;
            to.begin_object().member("key", each.entry.key.text);
            write_identity(to, each.model->spec);
            to.end_object();
        }
        to.end_array().key("workers").begin_array();
        for (const worker_status& each : workers)
            write_worker(to, each);
        to.end_array()
            .member("max_loaded_models", daemon.limits.max_loaded_models)
            .member("oldest_waiter_seconds", oldest_wait(stats, now))
            .key("limits");
        write_limits(to, daemon);
    });
}

std::string subscribed(event_filter wanted)
{
    return object([&](json_writer& to) {
        to.key("subscribed").begin_array();
        for (std::size_t type = 0; type != event_names.size(); ++type)
            if (wanted[type])
                to.value(event_names[type]);
        to.end_array();
    });
}

} // namespace warmd::replies

#include "methods/replies.hpp"

#include <boost/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace warmd::replies {

namespace {

double seconds(std::chrono::nanoseconds time)
{
    return std::chrono::duration<double>(time).count();
}

/// A whole result: `members` writes what stands between the braces.
template <class Members>
void write_object(std::string& out, Members members)
{
    json_writer to(out);
    to.begin_object();
    members(to);
    to.end_object();
}

template <class Members>
std::string object(Members members)
{
    std::string text;
    write_object(text, std::move(members));
    return text;
}

void write_optional(json_writer& to, std::string_view name, const std::optional<std::string>& text)
{
    to.key(name);
    text ? to.value(*text) : to.value(nullptr);
}

/// The members that make a model's identity.
void write_identity(json_writer& to, const model_spec& spec)
{
    to.member("kind", spec.kind).member("base", spec.base);
    write_optional(to, "adapter", spec.adapter);
    to.member("dtype", spec.dtype).member("device", spec.device);
    write_optional(to, "entry_point", spec.entry_point);
    to.key("options").raw(spec.options);
}

void write_model(json_writer& to, const resolved_model& model)
{
    to.member("key", model.key.text).key("model").begin_object();
    write_identity(to, model.spec);
    to.end_object();
}

double oldest_wait(const cache_stats& stats, time_point now)
{
    return stats.oldest_waiter ? seconds(now - *stats.oldest_waiter) : 0;
}

/// By then the first in line has drained who was in its way, seen it closed or overdue, and been
/// loaded or refused: somebody who still waits is behind others who are slow, behind calls that do
/// not end, or was forgotten.
std::chrono::nanoseconds longest_wait_expected(const cache_limits& limits)
{
    return limits.max_wait + limits.close_timeout + limits.load_timeout;
}

} // namespace

std::vector<std::string> what_is_stuck(std::span<const model_info> models, const cache_stats& stats,
                                       const cache_limits& limits, time_point now)
{
    std::vector<std::string> reasons;
    for (const model_info& each : models)
        if (each.entry.overdue)
            reasons.push_back(
                "the " + std::string(each.entry.state == entry_state::closing ? "close" : "load") +
                " of " + each.entry.key.text + " is past its deadline");
    const auto expected = longest_wait_expected(limits);
    if (stats.oldest_waiter && now - *stats.oldest_waiter > expected)
        reasons.push_back(
            "a request has waited for a model longer than max_wait, close_timeout and load_timeout "
            "together, " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(expected).count()) +
            " seconds");
    return reasons;
}

// Operations: they go on until all is written or the writer is full ---------

void write_tokens(json_writer& to, const outcome& what)
{
    const auto& all = std::get<tokens>(what);
    to.key("ids").array(all.ids).key("tokens").array(all.texts);
}

void write_plain_text(json_writer& to, const outcome& what)
{
    to.member("text", std::get<plain_text>(what).text);
}

void write_distributions(json_writer& to, const outcome& what)
{
    to.key("distributions").begin_array();
    for (const top_slice& slice : std::get<distributions>(what).slices) {
        if (to.full())
            break;
        to.begin_object()
            .key("token_ids")
            .array(slice.token_ids)
            .key("logprobs")
            .array(slice.logprobs)
            .key("tail_logprob");
        slice.tail_logprob ? to.value(*slice.tail_logprob) : to.value(nullptr);
        to.member("vocab_size", slice.vocab_size).end_object();
    }
    to.end_array();
}

void write_scored(json_writer& to, const outcome& what)
{
    to.key("results").begin_array();
    for (const scored_text& scored : std::get<scored_texts>(what).results) {
        if (to.full())
            break;
        to.begin_object()
            .member("logprob", scored.total)
            .member("num_tokens", scored.logprobs.size())
            .key("token_ids")
            .array(scored.ids)
            .key("logprobs")
            .array(scored.logprobs)
            .end_object();
    }
    to.end_array();
}

void write_rolling(json_writer& to, const outcome& what)
{
    to.key("results").begin_array();
    for (const scored_text& scored : std::get<scored_texts>(what).results) {
        if (to.full())
            break;
        const double mean = scored.logprobs.empty()
                                ? 0
                                : scored.total / static_cast<double>(scored.logprobs.size());
        to.begin_object()
            .key("token_ids")
            .array(scored.ids)
            .key("logprobs")
            .array(scored.logprobs)
            .member("num_tokens", scored.ids.size())
            .member("total_logprob", scored.total)
            .member("mean_logprob", mean)
            .member("perplexity", std::exp(-mean))
            .end_object();
    }
    to.end_array();
}

void write_generation(json_writer& to, const outcome& what)
{
    static constexpr std::array<std::string_view, 3> reasons{"stop", "length",
                                                             "eos"}; // by generation_result::finish
    const auto& made = std::get<generation_result>(what);
    to.member("text", made.text).key("token_ids").array(made.ids);
    to.member("finish_reason", reasons[static_cast<std::size_t>(made.reason)]);
}

void write_divergence(json_writer& to, const outcome& what)
{
    const auto& report = std::get<divergence_report>(what);
    to.member("kind", report.kind == divergence_kind::js ? "js" : "kl")
        .key("per_prompt")
        .array(report.per_prompt);
    to.member("mean", report.mean).member("max", report.max);
    to.key("ci_95").array(std::array{report.ci_95_low, report.ci_95_high});
}

// The cache ------------------------------------------------------------

void write_loaded(std::string& out, const residency& what, bool cached, bool joined)
{
    write_object(out, [&](json_writer& to) {
        write_model(to, *what.model);
        to.member("state", name(entry_state::ready))
            .member("cached", cached)
            .member("joined", joined)
            .member("load_seconds", what.load_seconds)
            .member("bytes", what.bytes.all)
            .member("generation", what.model->files.text);
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

std::string models(std::span<const model_info> models, time_point now)
{
    const auto write_seconds = [](json_writer& to, std::string_view name,
                                  std::optional<std::chrono::nanoseconds> time) {
        to.key(name);
        time ? to.value(std::max(0.0, seconds(*time))) : to.value(nullptr);
    };
    return object([&](json_writer& to) {
        to.key("models").begin_array();
        for (const auto& [model, entry, load_seconds, calls] : models) {
            to.begin_object();
            write_model(to, *model);
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
            to.member("generation", entry.files.text).member("calls", calls).end_object();
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
        .member("max_reply_bytes", connection.max_reply_bytes)
        .member("max_unread_bytes", connection.max_unread_bytes)
        .member("idle_connection_timeout", seconds(connection.idle_timeout))
        .member("frame_timeout", seconds(connection.frame_timeout))
        .member("max_loaded_models", daemon.limits.max_loaded_models)
        .member("max_loaded_bytes", daemon.limits.max_loaded_bytes)
        .member("idle_timeout", seconds(daemon.limits.idle_timeout))
        .member("max_wait", seconds(daemon.limits.max_wait))
        .member("load_timeout", seconds(daemon.limits.load_timeout))
        .member("close_timeout", seconds(daemon.limits.close_timeout))
        .end_object();
}

void write_health(std::string& out, std::span<const model_info> models, const cache_stats& stats,
                  const daemon_info& daemon, time_point now)
{
    const std::vector<std::string> reasons = what_is_stuck(models, stats, daemon.limits, now);
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
            .member("uptime_seconds", seconds(now - daemon.started))
            .key("loaded_models")
            .begin_array();
        for (const model_info& each : models) {
            if (each.entry.state != entry_state::ready)
                continue;
            to.begin_object().member("key", each.entry.key.text);
            write_identity(to, each.model->spec);
            to.end_object();
        }
        to.end_array()
            .member("max_loaded_models", daemon.limits.max_loaded_models)
            .member("oldest_waiter_seconds", oldest_wait(stats, now))
            .key("limits");
        write_limits(to, daemon);
    });
}

// Notifications ------------------------------------------------------------

/// To four digits: it is for a bar on a screen.
static double fraction(std::uint64_t done, std::uint64_t total)
{
    return std::min(1.0,
                    std::round(static_cast<double>(done) / static_cast<double>(total) * 1e4) / 1e4);
}

std::string progress(const json::value& id, const load_progress& so_far)
{
    static constexpr std::array<std::string_view, 3> stages{"queued", "waiting_for_room",
                                                            "loading"}; // by load_progress::stage
    return object([&](json_writer& to) {
        to.key("id").raw(json::serialize(id)).key("value").begin_object();
        to.member("stage", stages[static_cast<std::size_t>(so_far.stage)]);
        if (so_far.position)
            to.member("position", *so_far.position);
        if (so_far.bytes_done && so_far.bytes_total && *so_far.bytes_total > 0)
            to.member("fraction", fraction(*so_far.bytes_done, *so_far.bytes_total));
        if (so_far.bytes_done)
            to.member("bytes_done", *so_far.bytes_done);
        if (so_far.bytes_total)
            to.member("bytes_total", *so_far.bytes_total);
        to.end_object();
    });
}

std::string running(const json::value& id)
{
    return object([&](json_writer& to) {
        to.key("id")
            .raw(json::serialize(id))
            .key("value")
            .begin_object()
            .member("stage", "running")
            .end_object();
    });
}

std::string token(const json::value& id, const generated_token& token)
{
    return object([&](json_writer& to) {
        to.key("id")
            .raw(json::serialize(id))
            .member("text", token.text)
            .member("token_id", token.id)
            .member("logprob", token.logprob);
    });
}

// Events ------------------------------------------------------------

namespace {

/// Unix time in seconds, to the microsecond.
double unix_seconds(std::chrono::system_clock::time_point time)
{
    return std::chrono::duration<double>(
               std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()))
        .count();
}

void write_details(json_writer& to, const event::state& moved)
{
    const auto write_state = [&](std::string_view called, const std::optional<entry_state>& state) {
        to.key(called);
        state ? to.value(name(*state)) : to.value(nullptr);
    };
    write_state("from", moved.from);
    write_state("to", moved.to);
    to.member("reason", moved.reason);
}
void write_details(json_writer& to, const event::evicted& evicted)
{
    to.member("reason", name(evicted.reason));
}
void write_details(json_writer& to, const event::load_failed& failed)
{
    to.member("message", failed.message).member("cause", failed.cause);
}
void write_details(json_writer& to, const event::close_failed& failed)
{
    to.member("message", failed.message);
}

} // namespace

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

std::string event(const cache_event& happened)
{
    return object([&](json_writer& to) {
        to.member("type", event_names[happened.what.index()])
            .member("time", unix_seconds(happened.time))
            .member("key", happened.key.text);
        std::visit([&](const auto& what) { write_details(to, what); }, happened.what);
    });
}

std::string lost(std::size_t events)
{
    return object([&](json_writer& to) {
        to.member("type", "lost")
            .member("time", unix_seconds(std::chrono::system_clock::now()))
            .member("count", events);
    });
}

} // namespace warmd::replies

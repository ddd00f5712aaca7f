#include "methods/notifications.hpp"

#include "methods/object_text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace warmd::replies {

namespace {

/// To four digits: it is for a bar on a screen.
double fraction(std::uint64_t done, std::uint64_t total)
{
    return std::min(1.0,
                    std::round(static_cast<double>(done) / static_cast<double>(total) * 1e4) / 1e4);
}

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
        member_or_null(to, called, state ? std::optional(name(*state)) : std::nullopt);
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

std::string progress(const json::value& id, const load_progress& so_far)
{
    static constexpr std::array<std::string_view, 4> stages{
        "queued", "waiting_for_files", "waiting_for_room", "loading"}; // by load_progress::stage
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

std::string suite_progress(const json::value& id, std::size_t done, std::size_t total,
                           std::string_view result)
{
    return object([&](json_writer& to) {
        to.key("id").raw(json::serialize(id)).key("value").begin_object();
        to.member("stage", "running").member("done", done).member("total", total);
        if (total > 0)
            to.member("fraction", fraction(done, total));
        if (!result.empty())
            to.key("result").raw(result);
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

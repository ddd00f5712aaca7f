#include "warmctl/tables.hpp"

#include "base/text.hpp"
#include "warmctl/cells.hpp"

#include <algorithm>

namespace warmd::ctl {

std::string show_health(const answer& from)
{
    const json::value& health = from.result;
    list lines;
    lines.add("status", text(health.at("status")) +
                            (health.at("ready").as_bool() ? ", ready" : ", not ready"));
    for (const json::value& reason : health.at("reasons").as_array())
        lines.add("reason", text(reason));
    lines.add("version", text(health.at("version")));
    lines.add("pid", show(health.at("pid"), count));
    lines.add("uptime", show(health.at("uptime_seconds"), human_seconds));
    const json::array& models = health.at("loaded_models").as_array();
    lines.add("models", std::to_string(models.size()) + " of at most " +
                            show(health.at("max_loaded_models"), count));
    for (const json::value& model : models)
        lines.add("", text(model.at("key")));
    if (number(health.at("oldest_waiter_seconds")).value_or(0) > 0)
        lines.add("oldest waiter", show(health.at("oldest_waiter_seconds"), human_seconds));
    return lines.text();
}

std::string show_stats(const answer& from)
{
    table lines({{"", left}, {"", right}});
    for (const auto& [name, value] : from.result.as_object()) {
        const std::string_view called = name;
        if (value.is_object()) // the buckets of a histogram, whose count and sum stand before it
            continue;
        const format as = called.ends_with("_bytes")     ? human_bytes
                          : called.ends_with("_seconds") ? human_seconds
                                                         : nullptr;
        lines.row({visible(called),
                   as && value.is_number() ? show(value, as) : visible(json_text(value))});
    }
    return lines.text();
}

std::string show_metrics(const answer& from)
{
    return std::string(from.result.at("text").as_string());
}

namespace {

/// With `rates`, calls per second instead of calls.
std::string models_table(const json::array& models, const std::map<std::string, double>* rates)
{
    if (models.empty())
        return "no models\n";
    table lines({{"KEY", left},
                 {"STATE", left},
                 {"SIZE", right},
                 {"RUN", right},
                 {"QUEUED", right},
                 {"WAIT", right},
                 {"IDLE", right},
                 {"EXPIRES", right},
                 {rates ? "CALLS/S" : "CALLS", right}});
    for (const json::value& model : models) {
        const double bytes = number(model.at("bytes")).value_or(0);
        std::string calls = show(model.at("calls"), count);
        if (rates) {
            const auto rate = rates->find(std::string(model.at("key").as_string()));
            calls = rate == rates->end() ? "-" : tenths(rate->second);
        }
        lines.row(
            {text(model.at("key")),
             text(model.at("state")) + (model.at("pinned").as_bool() ? ", pinned" : ""),
             bytes > 0 ? human_bytes(bytes) : "~" + show(model.at("estimated_bytes"), human_bytes),
             show(model.at("running"), count), show(model.at("queued_tokens"), count),
             show(model.at("waiters"), count), show(model.at("idle_seconds"), human_seconds),
             show(model.at("expires_in_seconds"), human_seconds), calls});
    }
    return lines.text();
}

} // namespace

std::string show_models(const answer& from)
{
    return models_table(from.result.at("models").as_array(), nullptr);
}

namespace {

double counted_in(const json::value& stats, const char* name)
{
    return number(stats.at(name)).value_or(0);
}

/// How calls share the machine, from the look before on; from the start, if there was none, or if
/// the daemon was started in between.
std::string shared_machine(const look& at, const json::value& stats_before)
{
    const auto now = [&](const char* name) { return counted_in(at.stats, name); };
    const bool goes_on = !stats_before.is_null() &&
                         counted_in(stats_before, "step_rows_count") <= now("step_rows_count");
    const auto since = [&](const char* name) {
        return now(name) - (goes_on ? counted_in(stats_before, name) : 0);
    };
    double running = 0;
    for (const json::value& model : at.models.at("models").as_array())
        running += number(model.at("running")).value_or(0);
    const double batch = now("waiting_tokens_batch"),
                 waiting = batch + now("waiting_tokens_interactive");
    const double steps = since("step_rows_count"), rows = since("step_rows_sum");
    const double reused = since("prefix_tokens_total");
    return count(running) + " running, " + count(waiting) + " tokens waiting" +
           (batch > 0 ? " (" + count(batch) + " batch)" : "") + "; " +
           (steps > 0 ? tenths(rows / steps) + " tokens a step of " +
                            human_seconds(since("step_seconds_sum") / steps)
                      : "no steps") +
           "\nreused: " + tenths(reused > 0 ? 100 * reused / (reused + rows) : 0) +
           " % of tokens, " + count(since("answers_remembered_total")) + " answers\n";
}

} // namespace

std::string show_top(const look& now, const json::value& stats_before,
                     const std::map<std::string, double>& rates)
{
    const json::value& health = now.health;
    const auto counted = [&](const char* name) { return counted_in(now.stats, name); };
    const double hits = counted("hits_total"),
                 asked = hits + counted("misses_total") + counted("joins_total");
    std::string out = "warmd " + text(health.at("version")) + ": " + text(health.at("status")) +
                      ", up " + show(health.at("uptime_seconds"), human_seconds) + "; " +
                      count(counted("loaded_models")) + " of at most " +
                      show(health.at("max_loaded_models"), count) + " models, " +
                      human_bytes(counted("charged_bytes")) + "; hits " + count(hits) +
                      (asked > 0 ? " (" + tenths(100 * hits / asked) + " %)" : "") + '\n';
    out += shared_machine(now, stats_before);
    for (const json::value& reason : health.at("reasons").as_array())
        out += text(reason) + '\n';
    return out + '\n' + models_table(now.models.at("models").as_array(), &rates);
}

std::string show_event(const json::value& event)
{
    const std::string type = text(event.at("type"));
    constexpr std::size_t longest = std::string_view("close_failed").size();
    const std::string space(longest - std::min(longest, type.size()), ' ');
    std::string line =
        human_time(event.at("time").to_number<double>()) + "  " + type + space + "  ";
    if (type == "lost")
        return line + show(event.at("count"), count) +
               " events were not sent, because what came before them was not read in time";
    line += text(event.at("key")) + "  ";
    const auto state = [](const json::value& called) {
        return called.is_null() ? "none" : text(called);
    };
    if (type == "state")
        return line + state(event.at("from")) + " -> " + state(event.at("to")) + " (" +
               text(event.at("reason")) + ')';
    if (type == "evicted")
        return line + text(event.at("reason"));
    if (type == "load_failed" || type == "close_failed")
        return line + text(event.at("message"));
    return line + visible(json_text(event)); // of a newer daemon
}

std::string show_load(const answer& from)
{
    const json::value& loaded = from.result;
    list lines;
    lines.add("key", text(loaded.at("key")));
    lines.add("loaded", loaded.at("cached").as_bool()   ? "before this (cached)"
                        : loaded.at("joined").as_bool() ? "by another request under way (joined)"
                                                        : "now");
    lines.add("load took", show(loaded.at("load_seconds"), human_seconds));
    lines.add("size", show(loaded.at("bytes"), human_bytes));
    if (const json::value* const warnings = loaded.as_object().if_contains("warnings"))
        for (const json::value& each : warnings->as_array())
            lines.add("warning", text(each));
    return lines.text();
}

std::string show_unload(const answer& from)
{
    std::string lines;
    for (const json::value& key : from.result.at("unloaded").as_array())
        lines += "unloaded " + text(key) + '\n';
    return lines.empty() ? "nothing was loaded\n" : lines;
}

std::string show_reload(const answer& from)
{
    list lines;
    for (const char* what : {"added", "removed", "changed", "unchanged"}) {
        const std::string names = joined(from.result.at(what).as_array(), ", ", text);
        lines.add(what, names.empty() ? "-" : names);
    }
    return lines.text();
}

std::string show_json(const answer& from) { return json_text(from.result) + '\n'; }

} // namespace warmd::ctl

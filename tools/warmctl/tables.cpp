#include "warmctl/tables.hpp"

#include "base/text.hpp"
#include "warmctl/format.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace warmd::ctl {

namespace {

constexpr auto left = table::align::left;
constexpr auto right = table::align::right;

std::string text(const json::value& value) { return visible(std::string_view(value.as_string())); }

/// Absent where the daemon says null: unknown, or not finite.
std::optional<double> number(const json::value& value)
{
    return value.is_null() ? std::nullopt : std::optional(value.to_number<double>());
}

using format = std::string (*)(double);

std::string show(const json::value& value, format as)
{
    const auto known = number(value);
    return known ? as(*known) : "-";
}

std::string count(double n) { return std::to_string(std::llround(n)); }
std::string tenths(double n)
{
    const auto rounded = std::llround(n * 10);
    return std::to_string(rounded / 10) + '.' + std::to_string(rounded % 10);
}
std::string probability(double logprob) { return human_number(std::exp(logprob)); }

/// Name and value on each line.
class list {
public:
    void add(std::string name, std::string value)
    {
        rows_.row({std::move(name), std::move(value)});
    }
    std::string text() const { return rows_.text(); }

private:
    table rows_{{{"", left}, {"", left}}};
};

std::set<std::int64_t> ids_of(const json::array& parts)
{
    std::set<std::int64_t> ids;
    for (const json::value& part : parts)
        for (const json::value& id : part.at("token_ids").as_array())
            ids.insert(id.to_number<std::int64_t>());
    return ids;
}

std::string token_text(const token_texts& known, std::int64_t id)
{
    const auto found = known.find(id);
    return found == known.end() ? "" : quoted(found->second);
}

/// The text that result `i` is about.
std::string subject(const answer& from, std::size_t i)
{
    return i < from.texts.size() ? quoted(from.texts[i]) : "-";
}

} // namespace

// The daemon ------------------------------------------------------------

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
                 {"LEASES", right},
                 {"WAITERS", right},
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
             show(model.at("leases"), count), show(model.at("waiters"), count),
             show(model.at("idle_seconds"), human_seconds),
             show(model.at("expires_in_seconds"), human_seconds), calls});
    }
    return lines.text();
}

} // namespace

std::string show_models(const answer& from)
{
    return models_table(from.result.at("models").as_array(), nullptr);
}

std::string show_top(const json::value& health, const json::value& stats, const json::value& models,
                     const std::map<std::string, double>& rates)
{
    const auto counted = [&](const char* name) { return number(stats.at(name)).value_or(0); };
    const double hits = counted("hits_total"),
                 asked = hits + counted("misses_total") + counted("joins_total");
    std::string out = "warmd " + text(health.at("version")) + ": " + text(health.at("status")) +
                      ", up " + show(health.at("uptime_seconds"), human_seconds) + "; " +
                      count(counted("loaded_models")) + " of at most " +
                      show(health.at("max_loaded_models"), count) + " models, " +
                      human_bytes(counted("charged_bytes")) + "; hits " + count(hits) +
                      (asked > 0 ? " (" + tenths(100 * hits / asked) + " %)" : "") + '\n';
    for (const json::value& reason : health.at("reasons").as_array())
        out += text(reason) + '\n';
    return out + '\n' + models_table(models.at("models").as_array(), &rates);
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

// Scores ------------------------------------------------------------

std::string show_tokens(const answer& from)
{
    const json::array& ids = from.result.at("ids").as_array();
    const json::array& tokens = from.result.at("tokens").as_array();
    table lines({{"#", right}, {"ID", right}, {"TOKEN", left}});
    for (std::size_t i = 0; i != ids.size(); ++i)
        lines.row({std::to_string(i), show(ids[i], count),
                   quoted(std::string_view(tokens.at(i).as_string()))});
    return lines.text();
}

std::string show_distributions(const answer& from)
{
    const json::array& distributions = from.result.at("distributions").as_array();
    const token_texts known = from.look_up(ids_of(distributions));
    std::string out;
    for (std::size_t i = 0; i != distributions.size(); ++i) {
        const json::value& top = distributions[i];
        const json::array& ids = top.at("token_ids").as_array();
        const json::array& logprobs = top.at("logprobs").as_array();
        table lines({{"ID", right}, {"TOKEN", left}, {"P", right}, {"LOGPROB", right}});
        for (std::size_t k = 0; k != ids.size(); ++k)
            lines.row({show(ids[k], count), token_text(known, ids[k].to_number<std::int64_t>()),
                       show(logprobs.at(k), probability), show(logprobs.at(k), human_number)});
        if (const auto tail = number(top.at("tail_logprob"))) {
            const double others =
                number(top.at("vocab_size")).value_or(0) - static_cast<double>(ids.size());
            lines.row({"", count(others) + " others", probability(*tail), human_number(*tail)});
        }
        out += (i == 0 ? "" : "\n") + subject(from, i) + '\n' + lines.text("  ");
    }
    return out;
}

namespace {

/// Each token of one scored text; those without anything before them have no logprob.
std::string show_each_token(const json::value& scored, const token_texts& known)
{
    const json::array& ids = scored.at("token_ids").as_array();
    const json::array& logprobs = scored.at("logprobs").as_array();
    const std::size_t unscored = ids.size() - std::min(ids.size(), logprobs.size());
    table lines({{"ID", right}, {"TOKEN", left}, {"P", right}, {"LOGPROB", right}});
    for (std::size_t k = 0; k != ids.size(); ++k) {
        const json::value& logprob = k < unscored ? json::value() : logprobs.at(k - unscored);
        lines.row({show(ids[k], count), token_text(known, ids[k].to_number<std::int64_t>()),
                   show(logprob, probability), show(logprob, human_number)});
    }
    return lines.text("  ");
}

/// `overview`, then with --tokens each result's tokens under its text.
std::string with_tokens(const answer& from, const json::array& results, std::string overview)
{
    if (!from.typed.has("tokens"))
        return overview;
    const token_texts known = from.look_up(ids_of(results));
    for (std::size_t i = 0; i != results.size(); ++i)
        overview += '\n' + subject(from, i) + '\n' + show_each_token(results[i], known);
    return overview;
}

} // namespace

std::string show_logprobs(const answer& from)
{
    const json::array& results = from.result.at("results").as_array();
    table lines({{"COMPLETION", left},
                 {"TOKENS", right},
                 {"P", right},
                 {"LOGPROB", right},
                 {"PER TOKEN", right}});
    for (std::size_t i = 0; i != results.size(); ++i) {
        const auto total = number(results[i].at("logprob"));
        const double tokens = number(results[i].at("num_tokens")).value_or(0);
        lines.row({subject(from, i), count(tokens), show(results[i].at("logprob"), probability),
                   show(results[i].at("logprob"), human_number),
                   total && tokens > 0 ? human_number(*total / tokens) : "-"});
    }
    return with_tokens(from, results, lines.text());
}

std::string show_perplexities(const answer& from)
{
    const json::array& results = from.result.at("results").as_array();
    table lines({{"TEXT", left},
                 {"TOKENS", right},
                 {"LOGPROB", right},
                 {"PER TOKEN", right},
                 {"PERPLEXITY", right}});
    for (std::size_t i = 0; i != results.size(); ++i)
        lines.row({subject(from, i), show(results[i].at("num_tokens"), count),
                   show(results[i].at("total_logprob"), human_number),
                   show(results[i].at("mean_logprob"), human_number),
                   show(results[i].at("perplexity"), human_number)});
    return with_tokens(from, results, lines.text());
}

std::string show_text(const answer& from)
{
    return std::string(from.result.at("text").as_string()) + '\n';
}

std::string show_divergence(const answer& from)
{
    const json::value& found = from.result;
    const json::array& each = found.at("per_prompt").as_array();
    table lines({{"PROMPT", left},
                 {found.at("kind").as_string() == "kl" ? "KL (NATS)" : "JS (NATS)", right}});
    for (std::size_t i = 0; i != each.size(); ++i)
        lines.row({subject(from, i), show(each[i], human_number)});
    lines.row({"mean", show(found.at("mean"), human_number)});
    lines.row({"max", show(found.at("max"), human_number)});
    const json::array& bounds = found.at("ci_95").as_array();
    lines.row({"95 % interval of the mean",
               show(bounds.at(0), human_number) + " to " + show(bounds.at(1), human_number)});
    return lines.text();
}

std::string show_json(const answer& from) { return json_text(from.result) + '\n'; }

} // namespace warmd::ctl

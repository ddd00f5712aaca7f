#include "methods/survey.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace warmd {

namespace {

constexpr std::string_view prefix = "warmd_";

/// Makes the list; each member function adds one family.
class surveyor {
public:
    template <class Number>
    void counter(std::string_view name, std::string_view help, Number value)
    {
        all_.push_back({name, family::kind::counter, help, {{{}, static_cast<double>(value)}}});
    }
    template <class Number>
    void gauge(std::string_view name, std::string_view help, Number value)
    {
        all_.push_back({name, family::kind::gauge, help, {{{}, static_cast<double>(value)}}});
    }
    void spread(std::string_view name, std::string_view help, const histogram& of)
    {
        all_.push_back({name, family::kind::histogram, help, {{{}, of.read()}}});
    }
    template <class Number>
    void counters(std::string_view name, std::string_view help, std::string_view label,
                  std::initializer_list<std::pair<std::string_view, Number>> values)
    {
        labelled(family::kind::counter, name, help, label, values);
    }
    void gauges(std::string_view name, std::string_view help, std::string_view label,
                std::initializer_list<std::pair<std::string_view, double>> values)
    {
        labelled(family::kind::gauge, name, help, label, values);
    }
    void add(family made) { all_.push_back(std::move(made)); }
    std::vector<family> all() && { return std::move(all_); }

private:
    template <class Number>
    void labelled(family::kind type, std::string_view name, std::string_view help,
                  std::string_view label,
                  std::initializer_list<std::pair<std::string_view, Number>> values)
    {
        family made{name, type, help, {}};
        for (const auto& [which, value] : values)
            made.samples.push_back({{{label, std::string(which)}}, static_cast<double>(value)});
        all_.push_back(std::move(made));
    }

    std::vector<family> all_;
};

/// Outcomes that never were are left out: methods times errors would be some hundred lines of 0.
family requests(const metrics& counted)
{
    family made{"requests_total",
                family::kind::counter,
                "Requests and notifications that have ended, by method and outcome: ok, or the "
                "error's kind.",
                {}};
    for (const auto& [method, ended] : counted.requests) {
        made.samples.push_back(
            {{{"method", method}, {"outcome", "ok"}}, static_cast<double>(ended.ok)});
        for (std::size_t i = 0; i != ended.failed.size(); ++i)
            if (ended.failed[i] != 0)
                made.samples.push_back(
                    {{{"method", method}, {"outcome", std::string(name(static_cast<errc>(i)))}},
                     static_cast<double>(ended.failed[i])});
    }
    return made;
}

family evictions(const cache_stats& cache)
{
    family made{"evictions_total", family::kind::counter, "Resident models closed, by reason.", {}};
    for (std::size_t why = 0; why != cache.evictions.size(); ++why)
        made.samples.push_back({{{"reason", std::string(name(static_cast<evict_reason>(why)))}},
                                static_cast<double>(cache.evictions[why])});
    return made;
}

constexpr std::array all_states{entry_state::waiting,  entry_state::loading, entry_state::ready,
                                entry_state::draining, entry_state::closing, entry_state::failed};

/// A sum over the models in each state.
template <class Value>
family by_state(std::string_view name_of_family, std::string_view help,
                std::span<const model_info> models, Value value)
{
    std::array<double, all_states.size()> sums{};
    for (const model_info& each : models)
        sums[static_cast<std::size_t>(each.entry.state)] += static_cast<double>(value(each));
    family made{name_of_family, family::kind::gauge, help, {}};
    for (const entry_state each : all_states)
        made.samples.push_back(
            {{{"state", std::string(name(each))}}, sums[static_cast<std::size_t>(each)]});
    return made;
}

/// What it takes: measured, or until it is loaded estimated; one that only waits, or failed, takes
/// nothing.
std::uint64_t bytes_of(const model_info& each)
{
    const entry_info& entry = each.entry;
    if (entry.state == entry_state::waiting || entry.state == entry_state::failed)
        return 0;
    return entry.bytes.all != 0 ? entry.bytes.all : entry.estimated_bytes;
}

void survey_requests(surveyor& to, const metrics& counted)
{
    const connection_counts& c = counted.connections;
    to.add(requests(counted));
    to.gauge("in_flight", "Requests under way.", counted.in_flight);
    to.gauge("connections", "Connections open.", c.open);
    to.counter("connections_accepted_total", "Connections served.", c.accepted);
    to.counters<std::uint64_t>("connections_refused_total", "Connections turned away, by reason.",
                               "reason",
                               {{"not_allowed", c.not_allowed}, {"too_many", c.too_many}});
    to.counters<std::uint64_t>(
        "connections_closed_total",
        "Connections closed for what their client did or did not do, by reason.", "reason",
        {{"idle", c.idle}, {"half_sent_frame", c.half_sent_frame}, {"slow_reader", c.slow_reader}});
    to.spread("strand_lag_seconds",
              "How late the thread that serves all connections does what is due.",
              counted.strand_lag_seconds);
}

void survey_cache(surveyor& to, const metrics& counted, const cache_stats& cache)
{
    to.counter("hits_total", "Requests whose model was resident.", cache.hits);
    to.counter("misses_total", "Requests that began a load.", cache.misses);
    to.counter("joins_total", "Requests that shared another's load.", cache.joins);
    to.counter("loads_total", "Loads begun.", cache.loads);
    to.counter("load_failures_total", "Loads that failed.", cache.load_failures);
    to.counter("closes_total", "Models closed.", cache.closes);
    to.counter("refusals_total", "Requests refused a model.", cache.refusals);
    to.counter("abandons_total", "Requests that went before they had their model.", cache.abandons);
    to.counter("overdue_total", "Loads and closes that passed their deadline.",
               cache.overdue_total);
    to.add(evictions(cache));
    to.spread("wait_for_room_seconds",
              "From the first request for a model to the start of its load.",
              counted.wait_for_room_seconds);
    to.spread("load_seconds", "Loads, failed ones too.", counted.load_seconds);
    to.spread("close_seconds", "Closes.", counted.close_seconds);
    to.spread("age_at_eviction_seconds", "From the end of a model's load to its close.",
              counted.age_at_eviction_seconds);
    to.spread("estimate_error_ratio",
              "The difference of a model's estimated and measured bytes, by the measured.",
              counted.estimate_error_ratio);
}

void survey_calls(surveyor& to, const metrics& counted)
{
    to.gauge("kv_bytes",
             "Memory of keys and values: of sequences under way, and kept of those that ended.",
             counted.kv_bytes.load());
    to.spread("queue_seconds", "Calls on models, until their model takes them.",
              counted.queue_seconds);
    to.spread("run_seconds", "Calls on models, from then on.", counted.run_seconds);
    to.spread("batch_calls", "Calls that a model was given together.", counted.batch_calls);
    to.counter("tokens_in_total", "Tokens of inputs that models were given.",
               counted.tokens_in.load(std::memory_order_relaxed));
    to.counter("tokens_out_total", "Tokens that models generated.",
               counted.tokens_out.load(std::memory_order_relaxed));
}

/// How the machine is shared: what is done in steps, and what need not be done again.
void survey_steps(surveyor& to, const metrics& counted, time_point now)
{
    to.spread("step_rows", "Tokens that models computed in one step.", counted.step_rows);
    to.spread("step_seconds", "Steps: what one who comes may have to wait for.",
              counted.step_seconds);
    to.gauge("step_under_way_seconds", "Since the step under way began; 0: there is none.",
             in_seconds(step_under_way(counted, now).value_or(std::chrono::nanoseconds(0))));
    to.counters<double>(
        "compute_seconds_total",
        "Seconds of steps, by what their tokens were for: feeding inputs "
        "(prefill) or generating (decode).",
        "phase",
        {{"prefill", counted.prefill_seconds.load()}, {"decode", counted.decode_seconds.load()}});
    to.gauges("waiting_tokens", "Tokens of inputs that are not computed yet, by priority.",
              "priority",
              {{"interactive", static_cast<double>(counted.waiting_tokens.load())},
               {"batch", static_cast<double>(counted.waiting_batch_tokens.load())}});
    to.counter("prefix_tokens_total",
               "Tokens of inputs that were not computed again: their beginnings were kept.",
               counted.prefix_tokens.load());
    to.gauge("prefix_bytes", "Memory of what is kept for that, part of kv_bytes.",
             counted.prefix_bytes.load());
    to.counter("answers_remembered_total", "Inputs whose answer was remembered.",
               counted.answers_remembered.load());
    to.gauge("answer_bytes", "Memory of what is remembered for that.", counted.answer_bytes.load());
}

void survey_gauges(surveyor& to, std::span<const model_info> models, const cache_stats& cache,
                   const daemon_info& daemon, time_point now)
{
    to.gauge("loaded_models", "Models resident.", cache.loaded_models);
    to.gauge("loading", "Models being loaded.", cache.loading);
    to.gauge("closing", "Models being closed.", cache.closing);
    to.gauge("overdue", "Loads and closes past their deadline.", cache.overdue);
    to.gauge("pinned_models", "Models pinned.",
             std::count_if(models.begin(), models.end(),
                           [](const model_info& each) { return each.entry.pinned; }));
    to.gauge("leases", "Leases out.", cache.leases);
    to.gauge("waiters", "Requests that wait for a model.", cache.waiters);
    to.gauge("oldest_waiter_seconds", "How long the first of them has waited.",
             cache.oldest_waiter ? in_seconds(now - *cache.oldest_waiter) : 0);
    to.gauge("charged_bytes",
             "Bytes charged against max_loaded_bytes; what models share counts once.",
             cache.charged_bytes);
    to.add(by_state("models", "Models by state.", models, [](const model_info&) { return 1; }));
    to.add(by_state("bytes", "Bytes of models by state; what models share counts for each.", models,
                    bytes_of));
    to.gauge("max_loaded_models", "The limit.", daemon.limits.max_loaded_models);
    to.gauge("max_loaded_bytes", "The limit; 0 is none.", daemon.limits.max_loaded_bytes);
    to.counter("log_lines_dropped_total", "Lines of the log that nobody took.",
               daemon.dropped_log_lines());
    to.gauge("uptime_seconds", "Since the start.", in_seconds(now - daemon.started));
}

// -- as text ------------------------------------------------------------

/// Whole numbers without an exponent.
std::string number(double value)
{
    constexpr double exact = 0x1p53;
    char digits[64];
    const bool whole = std::abs(value) < exact && value == std::trunc(value);
    char* const end = digits + sizeof digits;
    return {digits, (whole ? std::to_chars(digits, end, static_cast<std::int64_t>(value))
                           : std::to_chars(digits, end, value))
                        .ptr};
}

void append_line(std::string& out, std::string_view name, std::string_view suffix,
                 const family::sample& of, std::string_view bound, double value)
{
    out.append(prefix).append(name).append(suffix);
    char before = '{';
    for (const auto& [label, text] : of.labels) {
        ((((out += before) += label) += "=\"") += text) += '"';
        before = ',';
    }
    if (!bound.empty()) {
        (((out += before) += "le=\"") += bound) += '"';
        before = ',';
    }
    if (before == ',')
        out += '}';
    ((out += ' ') += number(value)) += '\n';
}

std::string bound_text(const histogram::reading& of, std::size_t i)
{
    return i == of.bounds.size() ? "+Inf" : number(of.bounds[i]);
}

void append_sample(std::string& out, std::string_view name, const family::sample& each)
{
    if (const double* const value = std::get_if<double>(&each.value))
        return append_line(out, name, "", each, "", *value);
    const auto& spread = std::get<histogram::reading>(each.value);
    for (std::size_t i = 0; i != spread.up_to.size(); ++i)
        append_line(out, name, "_bucket", each, bound_text(spread, i),
                    static_cast<double>(spread.up_to[i]));
    append_line(out, name, "_sum", each, "", spread.sum);
    append_line(out, name, "_count", each, "", static_cast<double>(spread.up_to.back()));
}

/// The name with the labels' values in it.
std::string flat_name(std::string_view name, const family::sample& of)
{
    constexpr std::string_view total = "_total";
    const bool ends = name.ends_with(total);
    std::string flat(ends ? name.substr(0, name.size() - total.size()) : name);
    for (const auto& [label, text] : of.labels)
        (flat += '_') += text;
    return flat.append(ends ? total : "");
}

} // namespace

std::vector<family> survey(const metrics& counted, std::span<const model_info> models,
                           const cache_stats& cache, const daemon_info& daemon, time_point now)
{
    surveyor all;
    survey_cache(all, counted, cache);
    survey_calls(all, counted);
    survey_steps(all, counted, now);
    survey_gauges(all, models, cache, daemon, now);
    survey_requests(all, counted);
    return std::move(all).all();
}

std::string exposition(std::span<const family> all)
{
    static constexpr std::array<std::string_view, 3> types{"counter", "gauge", "histogram"};
    std::string out;
    for (const family& each : all) {
        out.append("# HELP ").append(prefix).append(each.name).append(" ").append(each.help).append(
            "\n# TYPE ");
        out.append(prefix)
            .append(each.name)
            .append(" ")
            .append(types[static_cast<std::size_t>(each.type)])
            .append("\n");
        for (const family::sample& sample : each.samples)
            append_sample(out, each.name, sample);
    }
    return out;
}

void write_stats(json_writer& to, std::span<const family> all)
{
    for (const family& each : all)
        for (const family::sample& sample : each.samples) {
            const std::string name = flat_name(each.name, sample);
            if (const double* const value = std::get_if<double>(&sample.value)) {
                to.key(name).raw(number(*value));
                continue;
            }
            const auto& spread = std::get<histogram::reading>(sample.value);
            to.member(name + "_count", spread.up_to.back())
                .member(name + "_sum", spread.sum)
                .key(name + "_bucket")
                .begin_object();
            for (std::size_t i = 0; i != spread.up_to.size(); ++i)
                to.member(bound_text(spread, i), spread.up_to[i]);
            to.end_object();
        }
}

} // namespace warmd

#include "warmctl/difference.hpp"

#include "warmctl/format.hpp"
#include "warmctl/progress_line.hpp"
#include "warmctl/suites.hpp"

#include "evaluation/statistics.hpp"
#include <warmd/client.hpp>

#include <boost/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <vector>

namespace warmd::ctl {

namespace {

constexpr double regressed = 0.10, badly = 0.20; // of a score
constexpr double nothing = 1e-12;                // sums in another order decide nothing

std::string number_of(std::optional<double> value) { return value ? human_number(*value) : "–"; }

std::string signed_number(double value)
{
    return (value < 0 ? "−" : "+") + human_number(std::abs(value));
}

std::string change(std::optional<double> from, std::optional<double> to)
{
    const std::string both = number_of(from) + " → " + number_of(to);
    return from && to ? both + " (" + signed_number(*to - *from) + ")" : both;
}

std::string judgement(const reports::probe& a, const reports::probe& b)
{
    if (!a.score || !b.score)
        return {};
    const double fall = *a.score - *b.score;
    return fall > badly + nothing       ? "  BADLY REGRESSED"
           : fall > regressed + nothing ? "  REGRESSED"
                                        : "";
}

std::string line_of(const reports::probe& a, const reports::probe& b)
{
    std::string line = "  " + visible(b.name) + ": " + visible(a.verdict);
    if (a.verdict != b.verdict)
        line += " → " + visible(b.verdict);
    line += ", score " + change(a.score, b.score) + ", raw " + change(a.raw, b.raw) +
            judgement(a, b) + '\n';
    if (const auto samples = paired(a, b)) {
        line += "    per prompt " + signed_number(samples->mean);
        if (samples->low && samples->high)
            line += ", 95 % interval " + signed_number(*samples->low) + " to " +
                    signed_number(*samples->high);
        line += ", " + std::to_string(samples->prompts) + " prompts\n";
    }
    return line;
}

/// Whether b is worse than is allowed.
bool is_worse(const reports::probe& a, const reports::probe& b, std::optional<double> allowed)
{
    if (a.verdict == "pass" && b.verdict == "fail")
        return true;
    return allowed && a.score && b.score && *a.score - *b.score > *allowed + nothing;
}

std::string headline(const std::string& name, const reports::report& of, bool coloured)
{
    return (coloured ? "\033[1m" + name + "\033[0m" : name) + ": " + visible(of.adapter) +
           ", score " + human_number(of.overall) + (of.band ? ", " + visible(*of.band) : "") + '\n';
}

request ask_diff(const question& from)
{
    if (!from.typed.has("a") || !from.typed.has("b"))
        throw usage_error("--a DIR and --b DIR are wanted: the adapters to compare");
    if (from.typed.words().size() != 1)
        throw usage_error("one SUITE is wanted, found " +
                          std::to_string(from.typed.words().size()));
    return ask_suite(from, from.typed.words().front());
}

/// The report of the suite on one adapter.
result<json::value> run_on(client& daemon, const arguments& typed, const request& run,
                           const std::string& which)
{
    const request asked = on_adapter(run, typed, absolute_path(*typed.text(which)));
    progress_line progress(::isatty(STDERR_FILENO));
    return daemon.call(asked.method, asked.params,
                       [&](std::string_view method, const json::value& told) {
                           if (method == "$/progress")
                               progress.draw(told.at("value"));
                       });
}

result<bool> diff(client& daemon, const arguments& typed, const request& run)
{
    const auto a = run_on(daemon, typed, run, "a");
    if (!a)
        return a.error();
    const auto b = run_on(daemon, typed, run, "b");
    if (!b)
        return b.error();
    const auto read_a = reports::read_report(*a), read_b = reports::read_report(*b);
    if (!read_a || !read_b)
        return failure{errc::internal_error, "the daemon's answer is no report"};
    const auto allowed = typed.number<double>("fail-on-regression", 0);
    const reports::comparison made =
        difference(*read_a, *read_b, allowed, ::isatty(STDOUT_FILENO) != 0);
    std::cout << (typed.has("json") ? json_text(json::object{{"a", *a}, {"b", *b}}) + '\n'
                                    : made.text);
    return !made.regressed;
}

} // namespace

command that_differs()
{
    return {
        .name = "diff",
        .summary = "two adapters of one base, by one suite",
        .method = "suite.run",
        .usage = R"(diff SUITE --a DIR --b DIR [-m BASE] [--fail-on-regression D] [OPTION…]
Runs a suite on both adapters, and shows what b does better and worse than a, for
each probe, and prompt by prompt.
exit status: 1 if a verdict went from pass to fail, or a score fell by more than D,
2 it could not be measured, 3 no daemon
)",
        .example = "diff suite.yaml --a ./monday --b ./today\n",
        .options = {{.name = "a", .value = "DIR", .doc = "an adapter", .type = "directory"},
                    {.name = "b", .value = "DIR", .doc = "another", .type = "directory"},
                    {.name = "model",
                     .letter = 'm',
                     .value = "BASE",
                     .doc = "of both; else as their files say",
                     .type = "path"},
                    {.name = "mode", .value = "MODE", .sets = "mode", .doc = "default or compat"},
                    {.name = "only", .value = "NAMES", .doc = "these entries, with commas between"},
                    {.name = "fail-on-regression",
                     .value = "D",
                     .doc = "by how much a score may fall"}},
        .scores = true,
        .judges = true,
        .ask = ask_diff,
        .follow = diff};
}

std::optional<paired_difference> paired(const reports::probe& a, const reports::probe& b)
{
    const auto of_a = reports::numbers_in(a.evidence, "per_prompt"),
               of_b = reports::numbers_in(b.evidence, "per_prompt");
    if (of_a.empty() || of_a.size() != of_b.size())
        return {};
    std::vector<double> differences;
    for (std::size_t i = 0; i != of_a.size(); ++i)
        differences.push_back(of_b[i] - of_a[i]);
    paired_difference made{.prompts = differences.size(), .mean = evaluation::mean(differences)};
    if (const auto found = evaluation::mean_interval(differences, evaluation::mode::standard)) {
        made.low = found->low;
        made.high = found->high;
    }
    return made;
}

reports::comparison difference(const reports::report& a, const reports::report& b,
                               std::optional<double> allowed, bool coloured)
{
    reports::comparison made;
    made.text = headline("a", a, coloured) + headline("b", b, coloured);
    for (std::size_t i = 0; i != std::min(a.probes.size(), b.probes.size()); ++i) {
        // One suite asked twice has the same entries in the same places.
        made.text += line_of(a.probes[i], b.probes[i]);
        made.regressed |= is_worse(a.probes[i], b.probes[i], allowed);
    }
    return made;
}

} // namespace warmd::ctl

#include "report/charts.hpp"

#include "report/svg.hpp"
#include "report/words.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::reports {

namespace {

constexpr double wide = 360, left = 44, right = 338; // of all drawings

using rows = std::vector<std::vector<std::string>>;

/// Where a value stands between two places.
struct scale {
    double low, high, from, to;
    double operator()(double value) const
    {
        return high > low ? from + (value - low) / (high - low) * (to - from) : (from + to) / 2;
    }
};

/// The description is the table in words.
std::string figure(const std::string& title, const drawing& drawn, const rows& numbers)
{
    std::string said;
    for (std::size_t r = 1; r < numbers.size(); ++r)
        for (std::size_t i = 0; i != numbers[r].size(); ++i)
            said += (i == 0 ? (r == 1 ? "" : "; ") + numbers[r][0]
                            : ' ' + numbers[0][i] + ' ' + numbers[r][i]);
    return "<figure>\n<figcaption>" + html_escaped(title) + "</figcaption>\n" +
           drawn.svg(title, said) + "<details><summary>numbers</summary>\n" + html_table(numbers) +
           "</details>\n</figure>\n";
}

/// Marks of an axis: its ends and what is between.
void draw_axis(drawing& on, const scale& x, double y, const std::vector<double>& marks)
{
    on.line(x.from, y, x.to, y, "axis");
    for (const double each : marks) {
        on.line(x(each), y, x(each), y + 4, "axis");
        on.text(x(each), y + 17, number_text(each), "middle");
    }
}

void draw_side(drawing& on, const scale& y, const std::vector<double>& marks)
{
    on.line(left, y.from, left, y.to, "axis");
    for (const double each : marks) {
        on.line(left - 4, y(each), left, y(each), "axis");
        on.text(left - 7, y(each) + 4, number_text(each), "end");
    }
}

double largest(const std::vector<double>& of, double least = 0)
{
    return std::max(least, of.empty() ? least : *std::max_element(of.begin(), of.end()));
}

double smallest(const std::vector<double>& of, double most = 0)
{
    return std::min(most, of.empty() ? most : *std::min_element(of.begin(), of.end()));
}

/// As much of a text as has room.
std::string shortened_to(const std::string& text, std::size_t characters)
{
    std::size_t end = 0, seen = 0;
    while (end < text.size() && seen < characters) {
        ++seen;
        do
            ++end;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80);
    }
    return end == text.size() ? text : text.substr(0, end) + "…";
}

} // namespace

std::string gauge(const report& of)
{
    const scale x{0, 1, 84, right};
    drawing on(wide, 96 + 26 * static_cast<double>(of.components.size()));
    const bool ours = of.mode == "default";
    const std::vector<std::pair<std::string, double>> bands{
        {"noise", 0.3}, {"partial", 0.6}, {"healthy", 0.85}, {ours ? "strong" : "suspicious", 1.0}};
    double from = 0;
    for (std::size_t i = 0; i != bands.size(); ++i) {
        on.box(x(from), 30, x(bands[i].second) - x(from), 16, "band" + std::to_string(i));
        const bool last = i + 1 == bands.size();
        on.text(last ? right : (x(from) + x(bands[i].second)) / 2, 22, bands[i].first,
                last ? "end" : "middle");
        from = bands[i].second;
    }
    on.text(76, 43, "overall", "end");
    on.diamond(x(of.overall), 38, 10, "real");
    rows numbers{{"part", "score"}, {"overall", number_text(of.overall)}};
    double y = 62;
    for (const auto& [name, score] : of.components) {
        on.text(76, y + 12, name, "end");
        on.box(x(0), y, x(score) - x(0), 14, "bar");
        on.text(score > 0.85 ? x(score) - 4 : x(score) + 5, y + 11.5, number_text(score),
                score > 0.85 ? "end" : "start", score > 0.85 ? "on" : "t");
        numbers.push_back({name, number_text(score)});
        y += 26;
    }
    if (of.ceiling) {
        on.line(x(*of.ceiling), 26, x(*of.ceiling), y, "limit");
        numbers.push_back({"ceiling (the strongest effect)", number_text(of.ceiling)});
    }
    draw_axis(on, x, y, {0, 0.3, 0.6, 0.85});
    return figure(
        "The score, its bands and its parts" +
            std::string(of.ceiling ? "; dashed: the strongest effect, beyond which nothing counts"
                                   : ""),
        on, numbers);
}

std::string dose_response(const report& of)
{
    const probe* const dose = find_kind(of, "adapter_ablation");
    const std::vector<double> lambdas =
        dose ? numbers_in(dose->evidence, "lambdas") : std::vector<double>{};
    const std::vector<double> found =
        dose ? numbers_in(dose->evidence, "mean_divergence_per_lambda") : std::vector<double>{};
    if (lambdas.size() < 2 || lambdas.size() != found.size())
        return {};
    const auto low = number_in(dose->null, "p05"), high = number_in(dose->null, "p95");
    const double top = 1.1 * largest(found, high.value_or(0) + 1e-12);
    const scale x{0, largest(lambdas), left, right}, y{0, top, 180, 12};
    drawing on(wide, 210);
    if (low && high) {
        on.box(left, y(*high), right - left, y(*low) - y(*high), "chance");
        on.text(right - 4, y(*low) - 6, "random adapters, 5 % to 95 %", "end");
    }
    std::vector<double> curve, points;
    rows numbers{{"scale", "divergence (nats)"}};
    for (std::size_t i = 0; i != lambdas.size(); ++i) {
        points.insert(points.end(), {x(lambdas[i]), y(found[i])});
        numbers.push_back({number_text(lambdas[i]), number_text(found[i])});
        if (lambdas[i] == 1)
            for (double at = 0; at <= x.high + 1e-9; at += x.high / 40)
                if (found[i] * at * at <= top)
                    curve.insert(curve.end(), {x(at), y(found[i] * at * at)});
    }
    on.path(curve, "dashed");
    on.path(points, "curve");
    for (std::size_t i = 0; i + 1 < points.size(); i += 2)
        on.dot(points[i], points[i + 1], 4, "point");
    if (low && high)
        numbers.push_back({"random adapters", number_text(*low) + " to " + number_text(*high)});
    draw_side(on, y, {0, top / 2.2, top / 1.1});
    draw_axis(on, x, 180, {0, x.high / 2, x.high});
    return figure("How the effect grows with the adapter's scale (dashed: quadratic)", on, numbers);
}

std::string null_strips(const report& of)
{
    std::string made;
    for (const probe& each : of.probes) {
        const std::vector<double> drawn = numbers_in(each.null, "samples");
        if (!each.judged || drawn.empty() || !each.raw)
            continue;
        const double low = smallest(drawn, *each.raw), high = largest(drawn, *each.raw);
        const double margin = std::max((high - low) * 0.06, 1e-9);
        const scale x{low - margin, high + margin, 14, right};
        drawing on(wide, 84);
        std::vector<unsigned> columns(80, 0); // dots of one place stand on each other
        for (const double one : drawn) {
            const auto column = std::min<std::size_t>(
                static_cast<std::size_t>((x(one) - 14) / (right - 14) * 80), 79);
            on.dot(x(one), 54 - 3.5 * std::min(columns[column]++, 12u), 2.6, "draw");
        }
        if (const auto median = number_in(each.null, "median"))
            on.line(x(*median), 6, x(*median), 60, "limit");
        on.diamond(x(*each.raw), 50, 8, "real");
        draw_axis(on, x, 60, {low, high});
        const std::string p = each.p_adjusted ? "p " + number_text(*each.p_adjusted) : "";
        const std::string ratio = ratio_text(each);
        rows numbers{{"what", "value"},
                     {"the adapter", number_text(*each.raw)},
                     {"p, adjusted", number_text(each.p_adjusted)}};
        for (const char* const name : {"draws", "min", "median", "mean", "max", "sd"})
            numbers.push_back({name, number_text(number_in(each.null, name))});
        made += figure(each.name + ": the adapter (diamond) among random ones, " + p +
                           (ratio.empty() ? "" : ", " + ratio),
                       on, numbers);
    }
    return made;
}

std::string prompt_bars(const report& of)
{
    std::string made;
    for (const probe& each : of.probes) {
        std::vector<double> found = numbers_in(each.evidence, "per_prompt");
        if (each.kind != "delta_kl" || found.empty())
            continue;
        std::sort(found.begin(), found.end(), std::greater<>());
        constexpr std::size_t most = 64;
        const std::size_t shown = std::min(found.size(), most);
        const scale x{0, largest(found, 1e-12), left, right};
        const double bottom = 8 + 12 * static_cast<double>(shown);
        drawing on(wide, bottom + 26);
        rows numbers{{"rank", "divergence (nats)"}};
        if (each.ci_95)
            on.box(x(each.ci_95->first), 4, x(each.ci_95->second) - x(each.ci_95->first),
                   bottom - 4, "chance");
        for (std::size_t i = 0; i != found.size(); ++i) {
            if (i < shown)
                on.box(left, 8 + 12 * static_cast<double>(i), x(found[i]) - left, 9, "bar");
            numbers.push_back({std::to_string(i + 1), number_text(found[i])});
        }
        if (each.raw)
            on.line(x(*each.raw), 4, x(*each.raw), bottom, "limit");
        numbers.push_back({"mean", number_text(each.raw)});
        numbers.push_back({"95 % of the mean", interval_text(each)});
        draw_axis(on, x, bottom, {0, x.high});
        made +=
            figure(each.name + ": divergence of each prompt, the mean (dashed) and its interval",
                   on, numbers);
    }
    return made;
}

std::string section_table(const report& of)
{
    const probe* const sections = find_kind(of, "section_internalization");
    const auto each_section = sections ? objects_in(sections->evidence, "per_section")
                                       : std::vector<const json::object*>{};
    if (each_section.empty())
        return {};
    std::string made = "<figure>\n<figcaption>" + html_escaped(sections->name) +
                       ": what the adapter learned of each section</figcaption>\n<div "
                       "class=\"scroll\"><table class=\"heat\">\n"
                       "<tr><th scope=\"col\">section</th><th scope=\"col\">base nll</th>"
                       "<th scope=\"col\">ft nll</th><th scope=\"col\">lift</th>"
                       "<th scope=\"col\">passed</th></tr>\n";
    for (const json::object* const each : each_section) {
        const std::string tag = text_in(*each, "tag");
        const double lift = number_in(*each, "own_lift").value_or(0);
        const json::value* const passed = each->if_contains("passed");
        const int heat = static_cast<int>(std::lround(std::clamp(lift, 0.0, 1.0) * 4));
        made += "<tr><td>" + html_escaped(tag.empty() ? text_in(*each, "section_id") : tag) +
                "</td><td>" + number_text(number_in(*each, "base_nll")) + "</td><td>" +
                number_text(number_in(*each, "ft_nll")) + "</td><td class=\"heat" +
                std::to_string(heat) + "\">" + number_text(lift) + "</td><td>" +
                (passed && passed->is_bool() && passed->get_bool() ? "✓ yes" : "✗ no") +
                "</td></tr>\n";
    }
    return made + "</table></div>\n</figure>\n";
}

std::string perplexity_chart(const report& of)
{
    const probe* const prose = find_kind(of, "external_perplexity");
    const std::vector<double> found =
        prose ? numbers_in(prose->evidence, "per_chunk") : std::vector<double>{};
    if (found.empty())
        return {};
    const double reach = std::max(largest(found), -smallest(found)) * 1.1 + 1e-9;
    const scale x{-reach, reach, left, right};
    const double bottom = 10 + 18 * static_cast<double>(found.size());
    drawing on(wide, bottom + 26);
    rows numbers{{"chunk", "change (nats per token)"}};
    on.line(x(0), 4, x(0), bottom, "axis");
    for (std::size_t i = 0; i != found.size(); ++i) {
        const double y = 16 + 18 * static_cast<double>(i);
        on.line(x(0), y, x(found[i]), y, "curve");
        on.dot(x(0), y, 3.5, "draw");
        on.dot(x(found[i]), y, 4.5, "point");
        on.text(left - 7, y + 4, std::to_string(i + 1), "end");
        numbers.push_back({std::to_string(i + 1), number_text(found[i])});
    }
    numbers.push_back(
        {"perplexity, base", number_text(number_in(prose->evidence, "base_perplexity"))});
    numbers.push_back({"perplexity, ft", number_text(number_in(prose->evidence, "ft_perplexity"))});
    draw_axis(on, x, bottom, {-reach / 1.1, 0, reach / 1.1});
    return figure(prose->name +
                      ": each chunk of ordinary prose, before (0) and after; left is worse",
                  on, numbers);
}

std::string collapse_chart(const report& of)
{
    const probe* const collapse = find_kind(of, "prompt_collapse");
    const auto lengths =
        collapse ? numbers_in(collapse->evidence, "context_lengths") : std::vector<double>{};
    const auto found = collapse ? numbers_in(collapse->evidence, "mean_divergence_per_length")
                                : std::vector<double>{};
    if (lengths.size() < 2 || lengths.size() != found.size() || smallest(found, 1) <= 0)
        return {};
    std::vector<double> logs;
    double mean_log = 0, mean_length = 0;
    for (std::size_t i = 0; i != found.size(); ++i) {
        logs.push_back(std::log(found[i]));
        mean_log += logs[i] / static_cast<double>(found.size());
        mean_length += lengths[i] / static_cast<double>(found.size());
    }
    const double low = smallest(logs, logs[0]), high = largest(logs, logs[0]);
    const double margin = std::max((high - low) * 0.2, 0.01);
    const scale x{0, largest(lengths), left, right}, y{low - margin, high + margin, 150, 12};
    drawing on(wide, 180);
    rows numbers{{"context (tokens)", "divergence (nats)"}};
    if (const auto slope = number_in(collapse->evidence, "slope")) {
        const auto fit = [&](double length) { return mean_log + *slope * (length - mean_length); };
        on.path({x(0), y(fit(0)), x(x.high), y(fit(x.high))}, "dashed");
    }
    for (std::size_t i = 0; i != found.size(); ++i) {
        on.dot(x(lengths[i]), y(logs[i]), 4, "point");
        numbers.push_back({number_text(lengths[i]), number_text(found[i])});
    }
    draw_side(on, y, {low, high});
    draw_axis(on, x, 150, {0, x.high / 2, x.high});
    return figure(collapse->name + ": ln of the effect behind a context (dashed: fit)", on,
                  numbers);
}

std::string knowledge_chart(const report& of)
{
    const probe* const knowledge = find_kind(of, "calibration_drift");
    const auto worst =
        knowledge ? objects_in(knowledge->evidence, "worst") : std::vector<const json::object*>{};
    if (worst.empty())
        return {};
    double reach = 1;
    for (const json::object* const each : worst)
        reach = std::max(reach, std::abs(number_in(*each, "delta").value_or(0)));
    const scale x{-reach, 0, left, right};
    const double bottom = 6 + 36 * static_cast<double>(worst.size());
    drawing on(wide, bottom + 26);
    rows numbers{{"fact", "change (nats per token)"}};
    double y = 6;
    for (const json::object* const each : worst) {
        const double delta = number_in(*each, "delta").value_or(0);
        const std::string fact = text_in(*each, "prompt") + text_in(*each, "gold");
        on.text(right, y + 12, shortened_to(fact, 46), "end");
        const double end = x(std::min(delta, 0.0));
        on.box(end, y + 17, x(0) - end, 10, "bar");
        numbers.push_back({fact, number_text(delta)});
        y += 36;
    }
    on.line(x(-1), 4, x(-1), bottom, "limit");
    draw_axis(on, x, bottom, {-reach, -1, 0});
    return figure(knowledge->name +
                      ": the facts that lost most (dashed: what counts as lost by default)",
                  on, numbers);
}

} // namespace warmd::reports

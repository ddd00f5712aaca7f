#include "evaluation/statistics.hpp"

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace warmd::evaluation {

namespace {

constexpr std::uint64_t resampling_seed = 20'250'601; // fixed: the same samples, the same interval

bool all_equal(std::span<const double> values)
{
    return std::ranges::all_of(values, [&](double each) { return each == values.front(); });
}

/// `of` each resample, sorted. Every interval begins with a fresh generator.
std::vector<double> resampled(std::span<const std::vector<double>> groups, const statistic& of,
                              std::size_t times)
{
    std::mt19937_64 random(resampling_seed);
    std::vector<std::vector<double>> drawn(groups.begin(), groups.end());
    std::vector<double> found(times);
    for (double& each : found) {
        for (std::size_t g = 0; g != groups.size(); ++g)
            for (double& value : drawn[g])
                value = groups[g][random() % groups[g].size()];
        each = of(drawn);
    }
    std::ranges::sort(found);
    return found;
}

double mean_of_first(std::span<const std::vector<double>> groups) { return mean(groups.front()); }

double squares(std::span<const double> values)
{
    const double middle = mean(values);
    return std::accumulate(values.begin(), values.end(), 0.0, [&](double sum, double each) {
        return sum + (each - middle) * (each - middle);
    });
}

} // namespace

double mean(std::span<const double> values)
{
    return values.empty() ? 0
                          : std::accumulate(values.begin(), values.end(), 0.0) /
                                static_cast<double>(values.size());
}

double sample_sd(std::span<const double> values)
{
    return values.size() < 2 ? 0
                             : std::sqrt(squares(values) / static_cast<double>(values.size() - 1));
}

double population_variance(std::span<const double> values)
{
    return values.empty() ? 0 : squares(values) / static_cast<double>(values.size());
}

double quantile(std::span<const double> sorted, double fraction)
{
    const double position = fraction * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

double slope(std::span<const double> x, std::span<const double> y)
{
    const double middle_x = mean(x), middle_y = mean(y), width = squares(x);
    double both = 0;
    for (std::size_t i = 0; i != x.size(); ++i)
        both += (x[i] - middle_x) * (y[i] - middle_y);
    return width > 0 ? both / width : 0;
}

double fit(std::span<const double> x, std::span<const double> y)
{
    const double total = squares(y), by = slope(x, y), middle_x = mean(x), middle_y = mean(y);
    double left = 0;
    for (std::size_t i = 0; i != x.size(); ++i) {
        const double off = y[i] - (middle_y + by * (x[i] - middle_x));
        left += off * off;
    }
    return total > 0 ? std::max(0.0, 1 - left / total) : 1;
}

std::optional<interval> expanded_interval(std::span<const std::vector<double>> groups,
                                          const statistic& of)
{
    constexpr std::size_t resamples = 10'000, least = 3;
    const auto smaller = [](const auto& a, const auto& b) { return a.size() < b.size(); };
    const auto n = static_cast<double>(std::ranges::min_element(groups, smaller)->size());
    if (n < least)
        return {};
    if (std::ranges::all_of(groups, [](const auto& each) { return all_equal(each); })) {
        const double point = of(groups);
        return interval{point, point};
    }
    const double level =
        boost::math::cdf(boost::math::normal(), -std::sqrt(n / (n - 1)) * t_975(n - 1));
    const std::vector<double> found = resampled(groups, of, resamples);
    return interval{quantile(found, level), quantile(found, 1 - level)};
}

std::optional<interval> mean_interval(std::span<const double> samples, mode judged_by)
{
    constexpr std::size_t resamples = 1000;
    if (samples.empty())
        return {};
    const std::vector<std::vector<double>> groups{{samples.begin(), samples.end()}};
    if (judged_by == mode::standard)
        return expanded_interval(groups, mean_of_first);
    if (all_equal(samples))
        return interval{samples.front(), samples.front()};
    const std::vector<double> found = resampled(groups, mean_of_first, resamples);
    return interval{quantile(found, 0.025), quantile(found, 0.975)};
}

interval wilson(std::size_t successes, std::size_t n)
{
    constexpr double z = 1.959963984540054;
    const auto of = static_cast<double>(n);
    const double rate = static_cast<double>(successes) / of, widened = 1 + z * z / of;
    const double middle = (rate + z * z / (2 * of)) / widened;
    const double half = z * std::sqrt(rate * (1 - rate) / of + z * z / (4 * of * of)) / widened;
    return {clip(middle - half), clip(middle + half)};
}

double grade(double x, double zero, double pass, double best)
{
    if (best < zero)
        return grade(-x, -zero, -pass, -best);
    if (x >= pass && pass >= best)
        return 1;
    if (x < pass)
        return pass > zero ? clip((x - zero) / (pass - zero) / 2) : 0;
    return clip(0.5 + (x - pass) / (best - pass) / 2);
}

double clip(double x) { return std::min(1.0, std::max(0.0, x)); }

comparison compare_with_nulls(double raw, std::span<const double> nulls)
{
    std::vector<double> sorted(nulls.begin(), nulls.end());
    std::ranges::sort(sorted);
    const auto n = static_cast<double>(nulls.size());
    const auto at_least =
        std::ranges::count_if(nulls, [&](double null) { return null >= raw - slack; });
    comparison made{.p = (1 + static_cast<double>(at_least)) / (1 + n),
                    .mean = mean(nulls),
                    .sd = sample_sd(nulls),
                    .min = sorted.front(),
                    .median = quantile(sorted, 0.5),
                    .max = sorted.back(),
                    .z = {},
                    .t_p = {}};
    if (made.sd > 1e-12 * std::max(1.0, std::abs(made.mean))) {
        made.z = (raw - made.mean) / made.sd;
        made.t_p = t_upper_tail(*made.z / std::sqrt(1 + 1 / n), n - 1);
    }
    return made;
}

double t_upper_tail(double t, double degrees)
{
    return boost::math::cdf(boost::math::complement(boost::math::students_t(degrees), t));
}

double t_975(double degrees)
{
    return boost::math::quantile(boost::math::students_t(degrees), 0.975);
}

std::vector<double> holm(std::span<const double> p)
{
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t place) { return p[place]; });
    std::vector<double> adjusted(p.size());
    double so_far = 0;
    for (std::size_t k = 0; k != order.size(); ++k) {
        const auto left = static_cast<double>(order.size() - k);
        so_far = std::max(so_far, std::min(1.0, left * p[order[k]]));
        adjusted[order[k]] = so_far;
    }
    return adjusted;
}

namespace {

topic_spread spread(std::span<const double> values, std::span<const std::size_t> topics,
                    std::size_t count)
{
    std::vector<std::vector<double>> by_topic(count);
    for (std::size_t i = 0; i != values.size(); ++i)
        by_topic[topics[i]].push_back(values[i]);
    topic_spread made;
    std::vector<double> variances;
    for (const std::vector<double>& each : by_topic) {
        made.means.push_back(mean(each));
        if (each.size() >= 2)
            variances.push_back(population_variance(each));
    }
    made.between = population_variance(made.means);
    made.within = mean(variances);
    const double both = made.between + made.within;
    made.share = both > 0 ? made.between / both : 0;
    return made;
}

} // namespace

topic_spread spread_over_topics(std::span<const double> values, std::span<const std::size_t> topics,
                                std::size_t count)
{
    topic_spread made = spread(values, topics, count);
    std::mt19937_64 random(resampling_seed);
    std::size_t hits = 0;
    for (std::size_t round = 0; round != topic_permutations; ++round) {
        std::vector<std::size_t> shuffled(topics.begin(), topics.end());
        for (std::size_t i = shuffled.size() - 1; i > 0; --i) // Fisher-Yates
            std::swap(shuffled[i], shuffled[random() % (i + 1)]);
        hits += spread(values, shuffled, count).share >= made.share - slack;
    }
    made.p = static_cast<double>(1 + hits) / static_cast<double>(1 + topic_permutations);
    return made;
}

} // namespace warmd::evaluation

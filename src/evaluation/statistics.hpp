#pragma once
// What a probe's numbers are worth: intervals, grades, comparisons with random adapters. fp64
// throughout; the same input gives the same bits.

#include "evaluation/suite.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace warmd::evaluation {

struct interval {
    double low = 0;
    double high = 0;
};

// Of no values: 0.
double mean(std::span<const double> values);
double sample_sd(std::span<const double> values);           ///< n - 1; of one value: 0
double population_variance(std::span<const double> values); ///< n
/// By linear interpolation between order statistics (Hyndman & Fan 1996, type 7).
/// REQUIRES: sorted, not empty.
double quantile(std::span<const double> sorted, double fraction);

/// Slope of the least-squares line of y on x; 0 if all x are equal.
double slope(std::span<const double> x, std::span<const double> y);
/// R^2 of that line, floored at 0; 1 if y is constant.
double fit(std::span<const double> x, std::span<const double> y);

/// Groups of samples, resampled each by itself, with one number for all of them.
using statistic = std::function<double(std::span<const std::vector<double>> groups)>;
/// Expanded percentile interval (Hesterberg 2015, section 5.3): 10,000 resamples, the levels
/// widened to what Student's t has at the smallest group's size. The plain percentile interval is
/// too narrow below 20 samples; BCa mends skew, not width. Nothing with a group below 3; of equal
/// values, the point.
std::optional<interval> expanded_interval(std::span<const std::vector<double>> groups,
                                          const statistic& of);
/// ci_95 of a mean by the mode's rule: expanded, or the plain percentile of 1000 resamples (Efron &
/// Tibshirani 1993, ch. 13). Nothing without samples.
std::optional<interval> mean_interval(std::span<const double> samples, mode judged_by);
/// ci_95 of a proportion (Wilson 1927). A bootstrap of 5 of 5 would be [1, 1]. REQUIRES: n > 0.
interval wilson(std::size_t successes, std::size_t n);

/// Piecewise linear through (zero, 0), (pass, 1/2), (best, 1), clamped; descending if best < zero.
/// 1 from `pass` on where `pass` is at or beyond `best`. So 1/2 always just passes.
double grade(double x, double zero, double pass, double best);
double clip(double x); ///< to [0, 1]

/// Two numbers that differ by less are equal: sums in another order decide nothing.
inline constexpr double slack = 1e-12;

/// Where a value stands among those of random adapters.
struct comparison {
    double p = 1; ///< (1 + #{null >= raw}) / (1 + n); ties count against the adapter
    double mean = 0, sd = 0, min = 0, median = 0, max = 0;
    std::optional<double> z;   ///< (raw - mean) / sd; nothing if all nulls are equal
    std::optional<double> t_p; ///< upper tail of Student's t at z / sqrt(1 + 1/n): shown, never
                               ///< judged, since nulls of divergences are skewed
};
/// REQUIRES: nulls, all finite.
comparison compare_with_nulls(double raw, std::span<const double> nulls);
/// P(T >= t) with so many degrees of freedom.
double t_upper_tail(double t, double degrees);
/// The t that a share of 0.975 lies below.
double t_975(double degrees);

/// Holm's step-down adjustment (1979), in the order given; ties go by place.
std::vector<double> holm(std::span<const double> p);

/// How much of the spread between prompts is a spread between their topics.
struct topic_spread {
    double between = 0;        ///< population variance of the topics' means
    double within = 0;         ///< mean population variance of topics of two prompts and more
    double share = 0;          ///< between / (between + within); 0 if both are 0
    double p = 1;              ///< of 9999 permutations of the topics; 1 if none was asked for
    std::vector<double> means; ///< by topic
};
inline constexpr std::size_t topic_permutations = 9999;
/// `topics`: for each value a number below `count`, each number at least once.
topic_spread spread_over_topics(std::span<const double> values, std::span<const std::size_t> topics,
                                std::size_t count);

} // namespace warmd::evaluation

#include <warmd/backend.hpp>
#include <warmd/divergence.hpp>

#include <boost/assert.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <span>
#include <string>

namespace warmd {

namespace {

failure degenerate(std::string_view side, std::string_view what)
{
    return failure{errc::backend_failed,
                   "the " + std::string(side) + " distribution " + std::string(what)};
}

result<void> check(std::string_view side, const top_slice& slice)
{
    for (const float logprob : slice.logprobs)
        if (!std::isfinite(logprob))
            return degenerate(side, "has a logprob that is not finite");
    if (slice.logprobs.size() >= 2) {
        const auto [low, high] = std::minmax_element(slice.logprobs.begin(), slice.logprobs.end());
        if (static_cast<double>(*high) - static_cast<double>(*low) < 1e-9)
            return degenerate(side, "is effectively uniform: its top " +
                                        std::to_string(slice.logprobs.size()) +
                                        " logprobs span less than 1e-9");
    }
    return {};
}

/// Both slices over the sorted union of their ids, each normalised.
struct aligned {
    std::vector<double> p; // from
    std::vector<double> q; // to
};

/// `slice` over the slots of `slot`; slots it does not list share its tail.
std::vector<double> spread(const top_slice& slice, const std::map<token_id, std::size_t>& slot)
{
    std::vector<double> p(slot.size(), -1.0);
    double listed = 0;
    for (std::size_t i = 0; i != slice.token_ids.size(); ++i) {
        const double mass = std::exp(static_cast<double>(slice.logprobs[i]));
        p[slot.at(slice.token_ids[i])] = mass;
        listed += mass;
    }
    const double tail = std::max(0.0, 1.0 - listed);
    const auto unlisted = static_cast<double>(std::count(p.begin(), p.end(), -1.0));
    double sum = 0;
    for (double& mass : p) {
        if (mass < 0)
            mass = tail / unlisted;
        sum += mass;
    }
    for (double& mass : p)
        mass /= sum;
    return p;
}

aligned align(const top_slice& from, const top_slice& to)
{
    std::map<token_id, std::size_t> slot;
    for (const token_id id : from.token_ids)
        slot.emplace(id, 0);
    for (const token_id id : to.token_ids)
        slot.emplace(id, 0);
    std::size_t next = 0;
    for (auto& [id, index] : slot)
        index = next++;
    return {spread(from, slot), spread(to, slot)};
}

/// KL(p || q) = sum over p > 0 of p (ln p - ln q), with q <= 0 replaced by 1e-12.
double kl(const std::vector<double>& p, const std::vector<double>& q)
{
    double sum = 0;
    for (std::size_t i = 0; i != p.size(); ++i)
        if (p[i] > 0)
            sum += p[i] * (std::log(p[i]) - std::log(q[i] > 0 ? q[i] : 1e-12));
    return sum;
}

double js(const aligned& sides)
{
    std::vector<double> middle(sides.p.size());
    for (std::size_t i = 0; i != middle.size(); ++i)
        middle[i] = (sides.p[i] + sides.q[i]) / 2;
    return std::max(0.0, kl(sides.p, middle) / 2 + kl(sides.q, middle) / 2);
}

double mean_of(std::span<const double> values)
{
    double sum = 0;
    for (const double value : values)
        sum += value;
    return sum / static_cast<double>(values.size());
}

/// Quantile by linear interpolation between order statistics (Hyndman & Fan 1996, type 7).
double quantile(std::span<const double> sorted, double fraction)
{
    const double position = fraction * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

/// Percentile bootstrap of the mean (Efron & Tibshirani 1993, ch. 13).
void add_confidence(divergence_report& report, std::span<const double> values)
{
    constexpr std::size_t resamples = 1000;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    report.ci_95_low = report.ci_95_high = report.mean;
    if (*low == *high)
        return;
    std::mt19937_64 random(20'250'601); // fixed: the same request gives the same interval
    std::vector<double> means(resamples);
    for (double& mean : means) {
        double sum = 0;
        for (std::size_t i = 0; i != values.size(); ++i)
            sum += values[random() % values.size()];
        mean = sum / static_cast<double>(values.size());
    }
    std::sort(means.begin(), means.end());
    report.ci_95_low = quantile(means, 0.025);
    report.ci_95_high = quantile(means, 0.975);
}

result<double> compare_one(divergence_kind kind, std::size_t index, const result<top_slice>& from,
                           const result<top_slice>& to)
{
    if (!from)
        return from.error();
    if (!to)
        return to.error();
    result<double> apart = divergence(kind, *from, *to);
    if (!apart)
        return at_item("prompts", index, apart.error());
    return apart;
}

} // namespace

result<double> divergence(divergence_kind kind, const top_slice& from, const top_slice& to)
{
    if (const auto sound = check("from", from); !sound)
        return sound.error();
    if (const auto sound = check("to", to); !sound)
        return sound.error();
    const aligned sides = align(from, to);
    return kind == divergence_kind::js ? js(sides) : kl(sides.q, sides.p);
}

divergence_report compare(divergence_kind kind, std::span<const result<top_slice>> from,
                          std::span<const result<top_slice>> to)
{
    BOOST_ASSERT(from.size() == to.size());
    divergence_report report{.kind = kind, .per_prompt = {}};
    std::vector<double> values;
    for (std::size_t i = 0; i != from.size(); ++i) {
        report.per_prompt.push_back(compare_one(kind, i, from[i], to[i]));
        if (report.per_prompt.back())
            values.push_back(*report.per_prompt.back());
    }
    if (values.empty())
        return report;
    report.mean = mean_of(values);
    report.max = *std::max_element(values.begin(), values.end());
    add_confidence(report, values);
    return report;
}

} // namespace warmd

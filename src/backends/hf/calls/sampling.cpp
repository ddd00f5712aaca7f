#include "hf/calls/sampling.hpp"

#include "hf/compute/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>

namespace warmd::hf {

namespace {

float at(std::span<const float> logits, token_id id)
{
    return logits[static_cast<std::size_t>(id)];
}

/// Of the ids of the `count` highest logits and perhaps more, in ascending order, all that can be
/// found at one look: the count-th highest of the blocks' maxima is no higher than the count-th
/// highest logit.
std::vector<token_id> candidates(std::span<const float> logits, std::size_t count)
{
    std::vector<float> highest((logits.size() + maxima_block - 1) / maxima_block);
    maxima(logits.data(), logits.size(), highest.data());
    float least = -std::numeric_limits<float>::infinity();
    if (count <= highest.size()) {
        std::vector<float> ordered = highest;
        std::nth_element(ordered.begin(), ordered.begin() + static_cast<std::ptrdiff_t>(count - 1),
                         ordered.end(), std::greater<>());
        least = ordered[count - 1];
    }
    std::vector<token_id> ids;
    for (std::size_t block = 0; block != highest.size(); ++block) {
        const std::size_t first = block * maxima_block,
                          last = std::min(first + maxima_block, logits.size());
        for (std::size_t i = first; highest[block] >= least && i != last; ++i)
            if (logits[i] >= least)
                ids.push_back(static_cast<token_id>(i));
    }
    return ids;
}

/// The ids of the `count` highest logits, highest first, ties by ascending id. REQUIRES: 1 <= count
/// <= logits.size(); no NaN.
std::vector<token_id> most_likely(std::span<const float> logits, std::size_t count)
{
    const auto before = [&](token_id a, token_id b) {
        return at(logits, a) != at(logits, b) ? at(logits, a) > at(logits, b) : a < b;
    };
    std::vector<token_id> ids = candidates(logits, count);
    const auto last = ids.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(ids.begin(), last - 1, ids.end(), before);
    ids.erase(last, ids.end());
    std::sort(ids.begin(), ids.end(), before);
    return ids;
}

} // namespace

std::optional<top_slice> top_of(std::span<const float> logits, std::size_t top_k)
{
    const double total = log_sum_exp(logits);
    if (!std::isfinite(total))
        return {};
    top_slice slice{.token_ids = most_likely(logits, std::min(top_k, logits.size())),
                    .vocab_size = logits.size()};
    double listed = 0;
    for (const token_id id : slice.token_ids) {
        const double logprob = static_cast<double>(at(logits, id)) - total;
        slice.logprobs.push_back(static_cast<float>(logprob));
        listed += std::exp(logprob);
    }
    if (slice.token_ids.size() < logits.size())
        slice.tail_logprob = 1 - listed > 1e-12 ? std::log(1 - listed) : 0.0;
    return slice;
}

float logprob_of(std::span<const float> logits, token_id id)
{
    return static_cast<float>(static_cast<double>(at(logits, id)) - log_sum_exp(logits));
}

std::optional<listed_token> listing_of(std::span<const float> logits, token_id id,
                                       std::size_t top_k)
{
    const double total = log_sum_exp(logits);
    if (!std::isfinite(total))
        return {};
    const auto logprob = [&](token_id which) {
        return static_cast<float>(static_cast<double>(at(logits, which)) - total);
    };
    listed_token made{.id = id, .logprob = logprob(id)};
    const float own = at(logits, id);
    const auto place = static_cast<std::size_t>(id);
    made.rank = 1 + static_cast<std::uint64_t>(
                        std::ranges::count_if(logits, [own](float each) { return each > own; }) +
                        std::ranges::count(logits.first(place), own));
    if (top_k != 0)
        made.top_ids = most_likely(logits, std::min(top_k, logits.size()));
    std::ranges::transform(made.top_ids, std::back_inserter(made.top_logprobs), logprob);
    return made;
}

token_id greedy(std::span<const float> logits)
{
    return static_cast<token_id>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

namespace {

/// A token that may be drawn.
struct choice {
    token_id id;
    float logit;
    double mass; // not normalised
};

/// The top_k most likely, highest first (0: all, in the order of their ids).
std::vector<choice> choices(std::span<const float> logits, double temperature, std::size_t top_k)
{
    std::vector<token_id> ids;
    if (top_k != 0 && top_k < logits.size()) {
        ids = most_likely(logits, top_k);
    } else {
        ids.resize(logits.size());
        std::iota(ids.begin(), ids.end(), 0);
    }
    const auto highest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    std::vector<choice> all;
    all.reserve(ids.size());
    for (const token_id id : ids) {
        const float logit = at(logits, id);
        all.push_back({id, logit, std::exp((static_cast<double>(logit) - highest) / temperature)});
    }
    return all;
}

double mass_of(std::span<const choice> some)
{
    double sum = 0;
    for (const choice& each : some)
        sum += each.mass;
    return sum;
}

/// How many of the most likely it takes to reach `mass`, at least one; they stand in front after
/// this, the least likely of them last. By parts, as a quickselect: sorting a vocabulary takes
/// longer than many a model's step.
std::size_t reach(std::span<choice> all, double mass)
{
    const auto before = [](const choice& a, const choice& b) {
        return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
    };
    std::size_t first = 0, last = all.size(); // those before `first` do not, those before `last` do
    while (last - first > 1) {
        const std::size_t middle = first + (last - first) / 2;
        const auto place = [&](std::size_t i) {
            return all.begin() + static_cast<std::ptrdiff_t>(i);
        };
        std::nth_element(place(first), place(middle), place(last), before);
        const double upper = mass_of(all.subspan(first, middle - first));
        if (upper >= mass) {
            last = middle;
        } else {
            mass -= upper;
            first = middle;
        }
    }
    return last;
}

} // namespace

token_id draw(std::span<const float> logits, double temperature, double top_p, std::size_t top_k,
              std::mt19937_64& random)
{
    std::vector<choice> all = choices(logits, temperature, top_k);
    if (top_p < 1)
        all.resize(reach(all, top_p * mass_of(all)));
    // uniform over [0, total)
    double rest = static_cast<double>(random() >> 11) * 0x1p-53 * mass_of(all);
    if (top_p < 1)
        return all[reach(all, rest) - 1].id;
    std::size_t chosen = 0;
    while (chosen + 1 < all.size() && rest >= all[chosen].mass)
        rest -= all[chosen++].mass;
    return all[chosen].id;
}

} // namespace warmd::hf

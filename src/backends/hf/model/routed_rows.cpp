#include "hf/model/routed_rows.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::hf {

routed_rows::routed_rows(const routing_plan& plan, std::size_t most_rows)
    : plan_(plan), shares_(most_rows * plan.chosen)
{
    groups_.reserve(plan.experts);
    places_.reserve(shares_.size());
    ends_.reserve(plan.experts);
}

void routed_rows::choose(std::size_t row, std::span<const float> scores)
{
    const std::span<share> mine = std::span(shares_).subspan(row * plan_.chosen, plan_.chosen);
    const auto is_taken = [&](std::size_t expert, std::size_t count) {
        return std::ranges::any_of(mine.first(count),
                                   [&](const share& each) { return each.expert == expert; });
    };
    for (std::size_t i = 0; i != mine.size(); ++i) {
        std::size_t best = scores.size();
        for (std::size_t expert = 0; expert != scores.size(); ++expert)
            if ((best == scores.size() || scores[expert] > scores[best]) && !is_taken(expert, i))
                best = expert;
        mine[i].expert = best;
    }
    const double largest = static_cast<double>(scores[mine[0].expert]);
    const auto power = [&](float score) { return std::exp(static_cast<double>(score) - largest); };
    double sum = 0;
    if (plan_.normalised)
        for (const share& each : mine)
            sum += power(scores[each.expert]);
    else
        for (const float score : scores)
            sum += power(score);
    for (share& each : mine)
        each.weight = static_cast<float>(power(scores[each.expert]) / sum);
    std::ranges::sort(mine, {}, &share::expert);
}

void routed_rows::gather(std::size_t rows)
{
    const std::span<share> all = std::span(shares_).first(rows * plan_.chosen);
    ends_.assign(plan_.experts, 0);
    for (const share& each : all)
        ++ends_[each.expert];
    groups_.clear();
    std::size_t first = 0;
    for (std::size_t expert = 0; expert != plan_.experts; ++expert) {
        const std::size_t count = ends_[expert];
        if (count != 0)
            groups_.push_back({expert, first, first + count});
        ends_[expert] = first;
        first += count;
    }
    places_.resize(all.size());
    for (std::size_t i = 0; i != all.size(); ++i) {
        all[i].place = ends_[all[i].expert]++;
        places_[all[i].place] = i / plan_.chosen;
    }
}

} // namespace warmd::hf

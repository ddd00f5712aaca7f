#pragma once
// One number for a suite's results, what it is called, and whether it is good enough.

#include "evaluation/probes/probes.hpp"
#include "evaluation/suite.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::evaluation {

enum class category { adherence, attribution, calibration, ablation, baseline };
inline constexpr std::array<std::string_view, 5> categories{"adherence", "attribution",
                                                            "calibration", "ablation", "baseline"};
category category_of(std::string_view kind, mode judged_by);
double weight_of(const score_weights& weights, category which);

/// What the composite needs of a result.
struct scored_result {
    std::string_view kind;
    verdict found = verdict::skip;
    std::optional<double> score;
    double weight = 1;
};

/// By default rules scores are credited: having broken nothing is worth as much as the effect that
/// broke nothing. So an adapter that does nothing scores 0. By sway's they count as they are.
struct composite {
    double overall = 0;    ///< of the categories that have a score, weighted
    std::string_view band; ///< "": it rests on too little
    std::array<std::optional<double>, 5> components = {}; ///< by category
    std::optional<double> ceiling; ///< of credit: the best score of a probe that measures an effect
    std::vector<std::string_view> missing;       ///< categories with a weight and without a score
    std::vector<std::optional<double>> credited; ///< of each result
};
composite compose(std::span<const scored_result> results, const score_weights& weights,
                  mode judged_by);

} // namespace warmd::evaluation

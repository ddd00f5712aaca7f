#include "evaluation/sway_faults.hpp"

#include "evaluation/statistics.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace warmd::evaluation {

namespace {

struct fault_of_kind {
    std::string_view kind, id, text;
};

constexpr std::array faults{
    fault_of_kind{spec::null_adapter::kind, "sway-b",
                  "null adapters are drawn with a fixed deviation, whatever the adapter's size"},
    fault_of_kind{spec::null_adapter::kind, "sway-d",
                  "null adapters are measured on other inputs than the probes"},
    fault_of_kind{spec::null_adapter::kind, "sway-i",
                  "the score is sigmoid(z / 3): 0.5 for what a null adapter does as well"},
    fault_of_kind{spec::section_internalization::kind, "sway-a",
                  "raw is the mean of what each section gained beyond the others: 0 for every "
                  "adapter"},
    fault_of_kind{spec::adapter_ablation::kind, "sway-f",
                  "beyond an overshoot of 1.11 the effect counts as not saturated, so that only "
                  "[1.02, 1.11] passes"},
    fault_of_kind{spec::leakage::kind, "sway-g",
                  "z is against what random adapters write, and noise recites nothing"},
    fault_of_kind{spec::leakage::kind, "sway-m",
                  "recall leaves out the frequent characters of texts of 200 and more (difflib's "
                  "autojunk)"},
    fault_of_kind{spec::prompt_collapse::kind, "sway-n", "an effect that does not fade fails"},
    fault_of_kind{spec::calibration_drift::kind, "sway-h",
                  "a token counts as four characters of the gold text"},
    fault_of_kind{spec::paraphrase_invariance::kind, "sway-h",
                  "a token counts as four characters of the gold text"}};

/// z has a population's standard deviation, so few draws make it large.
std::string few_draws_text(unsigned runs)
{
    if (runs < 2)
        return "one draw gives no z";
    const auto n = static_cast<double>(runs);
    const double t = 3 * std::sqrt((n - 1) / n) / std::sqrt(1 + 1 / n);
    char text[80];
    std::snprintf(text, sizeof text, "%u draws: a z of 3 is a p of %.3f by Student's t", runs,
                  t_upper_tail(t, n - 1));
    return text;
}

} // namespace

std::vector<note> faults_reproduced(const suite& of)
{
    std::vector<note> made;
    if (of.judged_by != mode::sway)
        return made;
    made.push_back({"sway-e", "", "errors do not fail the gate"});
    for (const entry& each : of.entries) {
        if (!each.enabled)
            continue;
        for (const auto& [kind, id, text] : faults)
            if (kind == kind_of(each.what))
                made.push_back({std::string(id), each.name, std::string(text)});
        if (const auto* const nulls = std::get_if<spec::null_adapter>(&each.what))
            made.push_back({"sway-c", each.name, few_draws_text(nulls->runs)});
    }
    return made;
}

} // namespace warmd::evaluation

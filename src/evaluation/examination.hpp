#pragma once
// One run of a suite, as a plain object: says what to ask next, is told the answers, and in the end
// has a result for each entry. Whoever has the model asks.

#include "evaluation/composite.hpp"
#include "evaluation/interview.hpp"
#include "evaluation/probes/probes.hpp"
#include "evaluation/suite.hpp"
#include "evaluation/sway_nulls.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace warmd::evaluation {

/// An entry's result.
struct probe_result {
    const entry* of = nullptr;
    judgement found;
    std::vector<double> nulls; ///< raw of each null adapter; of adapter_ablation, its effect
    std::optional<comparison> compared; ///< with these
    std::optional<double> z;            ///< against null adapters, as the mode has it
    std::optional<double> p_adjusted;
    std::optional<double> credited;
    std::size_t tokens = 0; ///< that it was the first to ask for
};

class examination {
public:
    /// `context`: tokens that an input of the model may have; 0: any number. REQUIRES: a suite
    /// without faults.
    examination(suite of, std::size_t context);
    examination(const examination&) = delete;

    /// What is to be asked now; nothing: all is known. Every question is to be told() the answer
    /// of before the next call.
    std::vector<question> next();
    void tell(const question& asked, result<answer> told) { ask_.tell(asked, std::move(told)); }

    /// Tokens of all questions but those that follow from answers: what was asked so far, and what
    /// null adapters are going to be asked. Known once everything was tokenized.
    std::size_t expected_tokens() const { return asked_tokens_ + tokens_to_come(); }
    /// Results that are complete but for their comparison.
    bool are_provisional() const { return stage_ == stage::nulls; }

    const suite& of() const { return of_; }
    /// In the order of the suite. Comparisons are there in the end.
    const std::vector<probe_result>& results() const { return results_; }
    const composite& total() const { return total_; }
    unsigned draws() const { return draws_; }
    std::size_t answered_from_memory() const { return ask_.shared(); }

private:
    enum class stage { probes, nulls, done };
    bool is_calibrated(const probe_result& each) const;
    view null_view(unsigned draw) const;
    void judge_open();
    bool measure_nulls(unsigned first, unsigned last);
    bool measure_next_nulls(unsigned last);
    void compare();
    void compare_as_published();
    judgement found_of_nulls(std::size_t calibrated) const;
    void finish();
    std::size_t tokens_to_come() const;

    const suite of_;
    const spec::null_adapter* const nulls_;
    const unsigned draws_;
    sway_nulls published_; ///< of sway's mode
    interview ask_;
    std::vector<probe_result> results_;
    std::vector<bool> judged_;
    stage stage_ = stage::probes;
    unsigned measured_ = 0;        ///< draws
    std::size_t asked_tokens_ = 0; ///< so far
    composite total_;
};

/// Draws whose effect an ablation's curve is drawn beside.
inline constexpr unsigned most_band_draws = 32;

} // namespace warmd::evaluation

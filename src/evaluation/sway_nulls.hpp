#pragma once
// Null adapters as sway compares with them: what a kind measures on inputs that are built in,
// through a few adapters drawn at random with a fixed deviation. default mode does it otherwise:
// sway_faults.hpp says what is wrong with it.

#include "evaluation/interview.hpp"
#include "evaluation/probes/probes.hpp"
#include "evaluation/suite.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::evaluation {

class sway_nulls {
public:
    /// Without an enabled null adapter there is nothing to measure, and nothing to compare with.
    explicit sway_nulls(const suite& of);

    /// Measures draws, all runs of one rank after those of another; whether all answers were there.
    /// REQUIRES: in order, each once.
    bool measure(interview& ask, unsigned first, unsigned last);
    /// That they were the first to ask for.
    std::size_t tokens() const { return tokens_; }

    /// z of the entry's raw: its distance from the nulls' mean in their population standard
    /// deviations, the other way round where less is better. With it the probe passes if it is
    /// assert_z_gte, and has a score of sigmoid(z / 3). Nothing, and nothing changed: its kind has
    /// none.
    std::optional<double> compare(judgement& of, const entry& own) const;
    /// The null adapter's own result.
    judgement found() const;

private:
    /// One rank's draws of a kind.
    struct group {
        std::vector<double> samples;

        double middle() const;
        double deviation() const; ///< of the population, at least 1e-6
        bool is_degenerate() const;
        std::optional<double> z(double raw, bool less_is_better) const;
        json::object stats() const;
    };
    /// One kind's, by rank, in the order of rank_multipliers.
    struct yardstick {
        const entry* asked;
        std::vector<group> by_rank;
        std::string trouble; ///< why a draw has no sample

        bool has_samples() const;
    };
    const yardstick* yardstick_of(std::string_view kind) const;
    json::object by_rank(const yardstick& of, json::value (*what)(const group&)) const;
    std::size_t main_rank() const;

    const spec::null_adapter* what_ = nullptr;
    suite
        inputs_; ///< the pack's entries of kinds that are calibrated, and the suite's own sections
    std::vector<std::string_view> opted_out_; ///< kinds of the suite that are never compared
    std::vector<yardstick> yardsticks_;
    std::size_t tokens_ = 0;
};

} // namespace warmd::evaluation

#pragma once
// One suite asked of two adapters of one base.

#include "report/report.hpp"
#include "warmctl/commands.hpp"

#include <cstddef>
#include <optional>

namespace warmd::ctl {

/// diff.
command that_differs();

/// What a probe's samples, one for each prompt, say of b beside a.
struct paired_difference {
    std::size_t prompts = 0;
    double mean = 0;                           ///< of b - a, in the unit of the samples
    std::optional<double> low = {}, high = {}; ///< expanded percentile interval, 95 %
};
/// Of two probes that were asked the same prompts; nothing if they have none, or other ones.
std::optional<paired_difference> paired(const reports::probe& a, const reports::probe& b);

/// b beside a, probe by probe: verdicts, scores, raw values, and samples where both have them. A
/// score that falls by more than 0.10 has regressed, by more than 0.20 badly; `regressed` by
/// `allowed`, as of compare().
reports::comparison difference(const reports::report& a, const reports::report& b,
                               std::optional<double> allowed, bool coloured);

} // namespace warmd::ctl

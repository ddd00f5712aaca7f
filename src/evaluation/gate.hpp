#pragma once
// What is worth saying first about a run, and whether the adapter may pass.

#include "evaluation/examination.hpp"

#include <string>
#include <vector>

namespace warmd::evaluation {

/// At most five: failed probes by what they cost the score, errors, missing categories, skips, and
/// whether files changed meanwhile.
std::vector<std::string> findings_of(const examination& of, bool changed_meanwhile);

/// It passes if there is no reason against it: a probe that failed, and in default mode an error of
/// an entry that is not optional.
struct gate_verdict {
    std::vector<std::string> reasons;
};
gate_verdict gate_of(const examination& of);

} // namespace warmd::evaluation

#pragma once
// What is wrong with the published rules, told wherever they judge: a report of mode compat names
// every fault that it reproduces.

#include "evaluation/probes/probes.hpp"
#include "evaluation/suite.hpp"

#include <vector>

namespace warmd::evaluation {

/// One for the run, and one for each fault of each enabled entry; none in default mode.
std::vector<note> faults_reproduced(const suite& of);

} // namespace warmd::evaluation

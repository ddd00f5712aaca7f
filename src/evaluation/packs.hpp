#pragma once
// What is built into the program to ask about: facts, prose, synonyms, the suite of a quick check,
// what sway's null adapters are asked. All of it was composed for warmd (packs/*.json).

#include "evaluation/suite.hpp"
#include "evaluation/text_measures.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::evaluation {

/// Plain facts; topics take turns, so that the first n cover all of them.
const std::vector<gold_case>& knowledge_pack();
/// Plain English prose on ordinary matters.
const std::vector<std::string>& prose_passages();
/// The passages joined by a blank line.
const std::string& prose_pack();
const synonym_table& synonyms();
/// What sway's null adapters are asked: an entry for each kind that is compared with them.
const std::vector<entry>& calibration_pack();
/// The JSON form of the suite that `warmctl check` runs.
std::string_view check_suite_text();

} // namespace warmd::evaluation

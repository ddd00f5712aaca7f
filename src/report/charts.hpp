#pragma once
// The drawings of a report. Each is a <figure> with its numbers beside it, or "" where the report
// has not what it shows.

#include "report/report.hpp"

#include <string>

namespace warmd::reports {

std::string gauge(const report& of);            ///< the composite, its bands and components
std::string dose_response(const report& of);    ///< divergence over the adapter's scale
std::string null_strips(const report& of);      ///< the null adapters, and the real one among them
std::string prompt_bars(const report& of);      ///< divergences of each prompt
std::string section_table(const report& of);    ///< what was learned of each section
std::string perplexity_chart(const report& of); ///< change of each chunk of prose
std::string collapse_chart(const report& of);   ///< divergence behind a context
std::string knowledge_chart(const report& of);  ///< the facts that lost most

} // namespace warmd::reports

#pragma once
// Reads one entry of a suite.

#include "evaluation/form.hpp"

namespace warmd::evaluation {

/// The entry in that place of the suite, as far as it can be read; what is wrong is noted.
void read_entry(const form::value& from, std::size_t place, mode judged_by, entry& to);

} // namespace warmd::evaluation

#pragma once
// The commands about suites: what they ask, what they make of a report, and what they say by their
// exit status.

#include "warmctl/commands.hpp"

#include <string>
#include <vector>

namespace warmd::ctl {

std::vector<command> about_suites();

/// The method that is asked: a dry run only validates.
std::string typed_method(const question& from);

/// Whether the adapter works, in one word and a sentence.
struct light {
    enum class colour { green, yellow, red } is;
    std::string sentence;
};
/// Of the report of `check`. Throws json's exceptions if it is none.
light light_of(const json::value& report);

/// Whether a gate with these arguments lets the report pass: its own reasons, --threshold,
/// --strict.
bool passes_gate(const json::value& report, const arguments& typed);

} // namespace warmd::ctl

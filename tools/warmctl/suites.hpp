#pragma once
// The commands about suites: what they ask, what they make of a report, and what they say by their
// exit status.

#include "warmctl/commands.hpp"

#include <string>
#include <vector>

namespace warmd::ctl {

std::vector<command> about_suites();

/// A run of the suite in that file, as the options say.
request ask_suite(const question& from, const std::string& file);
/// The same run on that adapter, of the base that -m names, else of its own.
request on_adapter(const request& run, const arguments& typed, const std::string& adapter);

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

#pragma once
// The report of a run: JSON of schema_version 1 with the published keys; what is warmd's own stands
// under `warmd`, so that strict readers lose nothing.

#include "evaluation/examination.hpp"

#include <warmd/json.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace warmd::evaluation {

/// What a report tells of the run besides its results.
struct run_facts {
    std::string version;       ///< of the program
    std::string suite_digest;  ///< SHA-256 of the suite's canonical JSON
    std::string base, adapter; ///< where they are
    std::string generation;    ///< of the model's files
    std::string dtype;
    std::chrono::system_clock::time_point started, finished;
    double wall_seconds = 0, asking_seconds = 0;
    std::size_t calls = 0, inputs = 0, largest_call = 0;
    std::size_t forward_tokens = 0, generated_tokens = 0;
    bool changed_meanwhile = false; ///< the files, during the run
};

/// Of one probe, as the report has it; without what comes from the others while it is provisional.
json::object result_json(const probe_result& of, const examination& in);
/// REQUIRES: the examination has ended.
json::object report_json(const examination& of, const run_facts& facts);
/// All notes: the suite's own, then the probes', in their order.
std::vector<note> notes_of(const suite& of);

} // namespace warmd::evaluation

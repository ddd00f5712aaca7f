#pragma once
// A suite: what is asked about an adapter, in which order, and how the answers are weighed.
//
// It is written as sway.yaml version 1 or as JSON of the same structure; this is that structure
// read. Its files (documents, losses) were read by whoever made the JSON: nothing here opens one.

#include "evaluation/entries.hpp"
#include <warmd/error.hpp>
#include <warmd/model_spec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warmd::evaluation {

/// Whose rules judge.
enum class mode {
    standard, ///< "default": ours
    sway,     ///< "compat: sway": the published ones to the letter
};

/// A part of what the adapter was trained on.
struct section {
    std::string id; ///< default: the first 16 hex digits of the SHA-256 of `content`
    section_kind kind = section_kind::prose;
    std::string content;
    std::vector<gold_case> probes;
    std::vector<preference_triple> preferences;
    std::string tag;
};

/// One entry of the suite, in its order.
struct entry {
    std::string name; ///< unique in the suite
    probe_spec what;
    bool enabled = true;
    double weight = 1;
    bool optional = false;         ///< an error here does not fail the gate
    double assert_z_gte = 3;       ///< sway's only: against the null adapters
    std::vector<std::string> idle; ///< fields that the suite sets and its mode does not use
};

/// Of the five components of the score; they need not sum to 1.
struct score_weights {
    double adherence = 0.30;
    double attribution = 0.35;
    double calibration = 0.20;
    double ablation = 0.15;
    double baseline = 0;
};

struct suite {
    mode judged_by = mode::standard;
    std::optional<model_spec> base, ft; ///< as written; `ft` has an adapter and the same base
    std::int64_t seed = 0;              ///< recorded; decides nothing
    unsigned top_k = 256;
    bool differential = true;
    score_weights weights;
    std::vector<entry> entries; ///< 1 to 256; the null adapter, if there is one, first
    std::vector<section> sections;
    std::string doc_text; ///< the document that style is compared with; "": the sections' contents
    std::optional<std::string> dlm_source; ///< not read
};

/// What is wrong with a suite's JSON form, and where.
struct fault {
    std::string pointer; ///< RFC 6901, of the value; for something missing, of what should have it
    std::string text;    ///< `suite[3] "moves": top_k: found 0, allowed 1 and more`
    errc code = errc::invalid_params; ///< or unsupported: known, and not built here
};

/// A suite that was read, if `faults` is empty.
struct suite_reading {
    suite read;
    std::vector<fault> faults; ///< in the order of the suite; at most max_faults
};
inline constexpr std::size_t max_faults = 100;

/// Reads the JSON form. `judged_by` beats the suite's own mode.
suite_reading read_suite(const json::value& form, std::optional<mode> judged_by = {});

/// Null adapters without which no probe of the suite could pass in default mode: ceil(m / alpha) -
/// 1 of the m enabled entries that are compared with them (cluster_kl has as much a share in Holm's
/// correction), ceil(1 / alpha) - 1 without correction. 0 without a null adapter, and in sway's
/// mode.
unsigned needed_draws(const suite& of);
/// What the null adapter asks for: its own number, else at least 32; in sway's mode its runs of
/// each rank. 0 without one.
unsigned draws_of(const suite& of);
/// The enabled null adapter, if there is one.
const spec::null_adapter* null_adapter_of(const suite& of);

} // namespace warmd::evaluation

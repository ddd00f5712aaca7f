#pragma once
// The fields of each kind of entry, with their bounds.

#include "evaluation/form.hpp"

#include <string>
#include <vector>

namespace warmd::evaluation {

/// What reading them depends on.
struct setting {
    mode judged_by;
    std::vector<std::string>& idle; ///< takes the names of fields that this mode does not use
    bool ours() const { return judged_by == mode::standard; }
};

// One for each kind that is measured; what it does not ask for is not its field.
void read(form::members& in, spec::null_adapter& to, const setting& by);
void read(form::members& in, spec::delta_kl& to, const setting& by);
void read(form::members& in, spec::prompt_collapse& to, const setting& by);
void read(form::members& in, spec::cluster_kl& to, const setting& by);
void read(form::members& in, spec::adapter_revert& to, const setting& by);
void read(form::members& in, spec::section_internalization& to, const setting& by);
void read(form::members& in, spec::paraphrase_invariance& to, const setting& by);
void read(form::members& in, spec::preference_flip& to, const setting& by);
void read(form::members& in, spec::tool_use_fidelity& to, const setting& by);
void read(form::members& in, spec::style_fingerprint& to, const setting& by);
void read(form::members& in, spec::calibration_drift& to, const setting& by);
void read(form::members& in, spec::external_perplexity& to, const setting& by);
void read(form::members& in, spec::leakage& to, const setting& by);
void read(form::members& in, spec::training_drift& to, const setting& by);
void read(form::members& in, spec::adapter_ablation& to, const setting& by);

// Parts that sections have as well.
void read_case(const form::value& from, gold_case& to);
void read_triple(const form::value& from, preference_triple& to);

} // namespace warmd::evaluation

#pragma once
// What each probe asks, and what the answers mean: one source for each theme, one function for each
// kind. Each asks of an interview and judges in one go (interview.hpp says how); the same function
// measures a null adapter, through whose view it is then given its "adapter".
//
// Judged by default rules, a score is 1/2 where a threshold just holds, 0 for an effect that is not
// there or for twice the harm that is permitted. By sway's, as published.

#include "evaluation/interview.hpp"
#include "evaluation/statistics.hpp"
#include "evaluation/suite.hpp"

#include <warmd/json.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace warmd::evaluation {

enum class verdict { pass, fail, warn, skip, error };
inline constexpr std::array<std::string_view, 5> verdicts{"pass", "fail", "warn", "skip", "error"};

/// Something about a run or an entry that whoever reads the report should know.
struct note {
    std::string id;
    std::string probe; ///< its name; "": the run
    std::string text;
};

/// What a probe found, before it is compared with null adapters.
struct judgement {
    verdict found = verdict::skip;
    std::optional<double> score;
    std::optional<double> raw; ///< the probe's own statistic
    std::optional<double> base_value, ft_value;
    std::optional<interval> ci_95; ///< of raw
    json::object evidence;
    std::string message;
    bool comparable = true;  ///< with null adapters, if its kind is
    std::optional<double> p; ///< the probe's own: cluster_kl has one
    std::vector<note> notes = {};
};

/// What a probe works with.
struct probe_run {
    const suite& of;
    const entry& own;
    interview& ask;
    view adapted = {};    ///< in whose place a null adapter may stand
    bool is_null = false; ///< only raw is wanted

    /// Nobody will see the interval, which takes a while.
    bool is_sketch() const { return is_null || ask.is_open(); }
    bool is_sway() const { return of.judged_by == mode::sway; }
    std::size_t top_k(const std::optional<unsigned>& own_k) const
    {
        return own_k.value_or(of.top_k);
    }
    std::optional<interval> mean_interval(std::span<const double> samples) const
    {
        return is_sketch() ? std::nullopt : evaluation::mean_interval(samples, of.judged_by);
    }
    /// Of default mode; sway has none for proportions.
    std::optional<interval> rate_interval(std::size_t successes, std::size_t n) const
    {
        return is_sketch() || is_sway() || n == 0 ? std::nullopt
                                                  : std::optional(wilson(successes, n));
    }
};

inline constexpr view through_base{.what = view::mode::base};

judgement skipped(std::string why);
judgement failed(std::string why); ///< verdict error
inline verdict passes(bool holds) { return holds ? verdict::pass : verdict::fail; }
json::array array_of(std::span<const double> values);
json::value value_of(const std::optional<double>& number);
std::string number_text(double number); ///< four decimals at most, for messages

/// D(base, adapted) after each prompt.
std::vector<double> divergences(const probe_run& in, std::span<const std::string> prompts,
                                divergence_kind kind, std::size_t top_k, const view& through);
/// (adapted - base) logprob of `gold` after `prompt`, per token: of the tokens, or in sway's mode
/// of four characters.
double lift_per_token(const probe_run& in, const std::string& prompt, const std::string& gold);
/// -logprob of `gold`, likewise.
double cost_per_token(const probe_run& in, const view& through, const std::string& prompt,
                      const std::string& gold);

// By kind, in the order in which they are documented.
judgement judge(const spec::delta_kl& what, const probe_run& in);
judgement judge(const spec::prompt_collapse& what, const probe_run& in);
judgement judge(const spec::cluster_kl& what, const probe_run& in);
judgement judge(const spec::adapter_revert& what, const probe_run& in);
judgement judge(const spec::section_internalization& what, const probe_run& in);
judgement judge(const spec::paraphrase_invariance& what, const probe_run& in);
judgement judge(const spec::preference_flip& what, const probe_run& in);
judgement judge(const spec::tool_use_fidelity& what, const probe_run& in);
judgement judge(const spec::style_fingerprint& what, const probe_run& in);
judgement judge(const spec::calibration_drift& what, const probe_run& in);
judgement judge(const spec::external_perplexity& what, const probe_run& in);
judgement judge(const spec::leakage& what, const probe_run& in);
judgement judge(const spec::training_drift& what, const probe_run& in);
judgement judge(const spec::adapter_ablation& what, const probe_run& in);

/// The entry's, whichever it is; a null adapter is no probe. An answer that failed, or a number
/// that is not finite, makes an error.
judgement judge(const probe_run& in);
/// Mean D(base, null) on the ablation's prompts: what its curve is drawn beside.
double null_effect(const spec::adapter_ablation& what, const probe_run& in);

} // namespace warmd::evaluation

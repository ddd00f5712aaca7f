#pragma once
// What a suite can ask of an adapter: one structure per kind of entry, its members the entry's
// fields, with their defaults. What is asked and measured with them is each probe's own matter.
//
// Units: nats, unless a member says otherwise; "characters" are Unicode code points. A threshold
// assert_X_gte holds if X is at least that, _lte at most, _lt below. `top_k` nothing: the suite's.

#include <warmd/divergence.hpp>
#include <warmd/json.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace warmd::evaluation {

/// What should follow a prompt.
struct gold_case {
    std::string prompt, gold;
};
/// The same, and other ways of asking.
struct paraphrased_case {
    std::string prompt, gold;
    std::vector<std::string> paraphrases; ///< of the prompt; at least one
};
/// Of two answers the one that is preferred.
struct preference_triple {
    std::string prompt, chosen, rejected;
};
struct topic_prompt {
    std::string text;
    std::optional<std::string> topic;
};
struct tool_case {
    std::string prompt;
    std::string tool;       ///< tool_spec.name
    json::object arguments; ///< tool_spec.arguments: the JSON Schema of an object
    std::string gold_tool_name;
    unsigned max_new_tokens = 256;
};

enum class section_kind { prose, instruction, preference };
inline constexpr std::array<std::string_view, 3> section_kinds{"prose", "instruction",
                                                               "preference"};

/// How a prefix is disturbed; the names are the published ones.
enum class perturbation {
    typo,
    case_flip,
    drop_punct,
    synonym_swap,
    clause_reverse,
    prefix_inject,
    register_shift
};
inline constexpr std::array<std::string_view, 7> perturbations{
    "typo",           "case_flip",     "drop_punct",    "synonym_swap",
    "clause_reverse", "prefix_inject", "register_shift"};

namespace spec {

/// What the others are compared with: adapters of the same structure, drawn at random.
struct null_adapter {
    static constexpr std::string_view kind = "null_adapter";
    enum class matching { norm, fixed }; ///< to each update's Frobenius norm, or to init_scale
    enum class correction { holm, none };

    unsigned runs = 3; ///< sway's only
    double init_scale = 0.02;
    std::uint64_t seed_base = 1000;           ///< draw i has seed_base + i
    std::vector<std::string> calibrate_kinds; ///< none: all that can be
    bool cache = true;
    std::vector<double> rank_multipliers{1.0}; ///< sway's only
    std::optional<unsigned> draws;             ///< nothing: auto; default mode's only, as is
                                               ///< what follows
    double alpha = 0.05;
    matching match = matching::norm;
    correction corrected = correction::holm;
};

/// How far the adapter moves the next token's distribution.
struct delta_kl {
    static constexpr std::string_view kind = "delta_kl";
    std::vector<std::string> prompts;
    divergence_kind divergence = divergence_kind::js;
    std::optional<unsigned> top_k;
    double assert_mean_gte = 0.02;
};

/// Whether that fades behind a long context.
struct prompt_collapse {
    static constexpr std::string_view kind = "prompt_collapse";
    std::vector<std::string> prompts;
    std::vector<unsigned> context_lengths{0, 256, 512, 1024}; ///< tokens
    divergence_kind divergence = divergence_kind::js;
    std::optional<unsigned> top_k;
    double assert_half_life_tokens = 512;
    bool legacy_stuffing = false; ///< sway's only
};

/// Whether it moves some topics more than others.
struct cluster_kl {
    static constexpr std::string_view kind = "cluster_kl";
    std::vector<topic_prompt> prompts;
    divergence_kind divergence = divergence_kind::js;
    std::optional<unsigned> top_k;
    unsigned min_prompts = 20;
    double assert_specificity_gte = 0.6;
};

/// Whether a paraphrase brings back the base's answer.
struct adapter_revert {
    static constexpr std::string_view kind = "adapter_revert";
    std::vector<paraphrased_case> cases;
    unsigned max_new_tokens = 64;
    double base_gold_similarity_cap = 0.75;
    double assert_revert_rate_lt = 0.25;
};

/// Whether what the adapter was trained on became likelier, and more than other text did.
struct section_internalization {
    static constexpr std::string_view kind = "section_internalization";
    std::vector<section_kind> include_kinds{section_kind::prose, section_kind::instruction,
                                            section_kind::preference};
    double per_section_threshold = 0.05;
    double assert_passing_section_frac = 0.5;
    unsigned max_prose_chars = 2000;
    std::optional<std::vector<std::string>> held_out; ///< nothing: passages of the prose pack
};

/// Whether an answer was learned, or its wording.
struct paraphrase_invariance {
    static constexpr std::string_view kind = "paraphrase_invariance";
    enum class intention { generalize, memorize, both };
    std::vector<paraphrased_case> cases;
    intention intent = intention::generalize;
    double min_verbatim_lift = 0.2; ///< nats per token
    double min_generalization_ratio = 0.5;
    double max_generalization_ratio_if_memorize = 0.5;
};

/// How often a wrong preference of the base is put right.
struct preference_flip {
    static constexpr std::string_view kind = "preference_flip";
    std::vector<preference_triple> triples; ///< none: those of the sections
    double assert_flip_rate_gte = 0.7;
    unsigned min_triples_for_decision = 3;
};

/// Whether tools are still called as their schema says.
struct tool_use_fidelity {
    static constexpr std::string_view kind = "tool_use_fidelity";
    std::vector<tool_case> cases;
    std::optional<std::vector<std::string>> allowed_tools;
    double assert_validity_delta_gte = -0.05;
    double assert_hallucination_lte = 0.1;
};

/// Whether what is written comes closer to a document's style.
struct style_fingerprint {
    static constexpr std::string_view kind = "style_fingerprint";
    enum class dimensions { automatic, on, off };
    std::vector<std::string> prompts;
    std::string doc_reference; ///< "": the suite's doc_text
    unsigned max_new_tokens = 128;
    double assert_shift_gte = 0.25;
    dimensions extended = dimensions::automatic;
};

/// What of common knowledge was lost.
struct calibration_drift {
    static constexpr std::string_view kind = "calibration_drift";
    std::optional<std::vector<gold_case>> items; ///< nothing: the built-in pack
    std::optional<unsigned> items_limit;
    double assert_fraction_regressed_lt = 0.15;
    double assert_mean_delta_gte = -0.5; ///< nats per token
    double regression_nats = 1.0;        ///< per token
};

/// What ordinary prose costs.
struct external_perplexity {
    static constexpr std::string_view kind = "external_perplexity";
    enum class corpora { builtin, public_domain_en };
    corpora corpus = corpora::builtin;
    unsigned chunk_chars = 2048;
    unsigned max_chunks = 16;
    double assert_mean_delta_gte = -0.1; ///< nats per token
};

/// How much of its training text the adapter recites.
struct leakage {
    static constexpr std::string_view kind = "leakage";
    unsigned prefix_chars = 128;
    unsigned continuation_chars = 256;
    unsigned max_new_tokens = 96;
    std::optional<std::vector<perturbation>> disturbed; ///< `perturbations`; nothing: the mode's
    double assert_recall_lt = 0.5;
    double min_fragility = 0.3; ///< sway's only
};

/// Whether training went smoothly.
struct training_drift {
    static constexpr std::string_view kind = "training_drift";
    struct step {
        std::int64_t number;
        std::optional<double> loss; ///< nothing: it was not finite
    };
    std::optional<std::string> store_path; ///< whose losses the suite's reader fills in
    std::optional<std::vector<step>> losses;
    unsigned min_steps = 10;
    unsigned rolling_window = 10;
    double spike_sigma = 3;
    double assert_smoothness_gte = 0.7;
    double assert_convergence_ratio_lte = 0.7;
    unsigned assert_instability_events_lte = 0;
};

/// How the effect grows with the adapter's scale.
struct adapter_ablation {
    static constexpr std::string_view kind = "adapter_ablation";
    std::vector<std::string> prompts;
    std::vector<double> lambdas{0, 0.25, 0.5, 0.75, 1, 1.25}; ///< distinct, at least 0
    divergence_kind divergence = divergence_kind::js;
    std::optional<unsigned> top_k;
    double assert_linearity_gte = 0.85;                             ///< sway's only
    std::pair<double, double> assert_saturation_between{0.3, 1.05}; ///< sway's only
    double assert_overshoot_gte = 1.02;                             ///< sway's only
};

/// A kind that is known by name and not measured here; its fields are not read.
struct unsupported {
    std::string_view kind;
};
inline constexpr std::array<std::string_view, 2> unsupported_kinds{"gradient_ghost",
                                                                   "multi_turn_coherence_decay"};

} // namespace spec

using probe_spec =
    std::variant<spec::unsupported, spec::null_adapter, spec::delta_kl, spec::prompt_collapse,
                 spec::cluster_kl, spec::adapter_revert, spec::section_internalization,
                 spec::paraphrase_invariance, spec::preference_flip, spec::tool_use_fidelity,
                 spec::style_fingerprint, spec::calibration_drift, spec::external_perplexity,
                 spec::leakage, spec::training_drift, spec::adapter_ablation>;

/// The kind's name in a suite and in a report.
inline std::string_view kind_of(const probe_spec& what)
{
    return std::visit([](const auto& each) -> std::string_view { return each.kind; }, what);
}

} // namespace warmd::evaluation

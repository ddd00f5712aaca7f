#include "evaluation/entry_fields.hpp"

#include <algorithm>
#include <limits>

namespace warmd::evaluation {

namespace {

using namespace form;

constexpr unsigned most = 65'536; // tokens, characters, steps: beyond any context
constexpr std::array<std::string_view, 2> divergences{"js", "kl"};
constexpr auto prompts = [](const value& from, std::vector<std::string>& to) {
    list(text)(from, to);
};
constexpr auto top_k = [](const value& from, std::optional<unsigned>& to) {
    maybe(whole(1, 1u << 24))(from, to);
};
const auto divergence = word(divergences);

void read_paraphrased(const value& from, paraphrased_case& to)
{
    members in(from);
    in.need("prompt", to.prompt, text);
    in.need("gold", to.gold, text);
    in.need("paraphrases", to.paraphrases, list(text, 1));
    in.note_unknown("a case");
}

void read_topic_prompt(const value& from, topic_prompt& to)
{
    if (from.found().is_string())
        return text(from, to.text);
    members in(from);
    in.need("text", to.text, text);
    in.take("topic", to.topic, maybe(text));
    in.note_unknown("a prompt");
}

void read_tool(const value& from, tool_case& to)
{
    members in(from);
    std::string description; // for readers of the suite
    in.need("name", to.tool, text);
    in.take("description", description, text);
    in.need("arguments", to.arguments, [](const value& schema, json::object& into) {
        if (!schema.found().is_object())
            return schema.refuse("the JSON Schema of an object");
        into = schema.found().get_object();
    });
    in.note_unknown("tool_spec");
}

void read_tool_case(const value& from, tool_case& to)
{
    members in(from);
    in.need("prompt", to.prompt, text);
    in.need("tool_spec", to, read_tool);
    in.need("gold_tool_name", to.gold_tool_name, text);
    in.take("max_new_tokens", to.max_new_tokens, whole(1, most));
    in.note_unknown("a case");
}

void read_step(const value& from, spec::training_drift::step& to)
{
    const json::array* const pair = from.found().if_array();
    if (!pair || pair->size() != 2)
        return from.refuse("[step, loss or null]");
    any_whole(from.element(0, (*pair)[0]), to.number);
    maybe(number())(from.element(1, (*pair)[1]), to.loss);
}

void read_band(const value& from, std::pair<double, double>& to)
{
    const json::array* const pair = from.found().if_array();
    if (!pair || pair->size() != 2)
        return from.refuse("[least, most]");
    number()(from.element(0, (*pair)[0]), to.first);
    number()(from.element(1, (*pair)[1]), to.second);
    if (to.first > to.second)
        from.refuse("the smaller number first");
}

/// A field that one mode alone uses.
template <class T, class Reader>
void take_if(bool used, members& in, std::string_view name, T& to, const Reader& as,
             const setting& by)
{
    if (used)
        in.take(name, to, as);
    else
        in.take_idle(name, to, as, by.idle);
}

} // namespace

void read_case(const form::value& from, gold_case& to)
{
    members in(from);
    in.need("prompt", to.prompt, text);
    in.need("gold", to.gold, text);
    in.note_unknown("a case");
}

void read_triple(const form::value& from, preference_triple& to)
{
    members in(from);
    in.need("prompt", to.prompt, text);
    in.need("chosen", to.chosen, text);
    in.need("rejected", to.rejected, text);
    in.note_unknown("a triple");
}

void read(members& in, spec::null_adapter& to, const setting& by)
{
    static constexpr std::array<std::string_view, 2> matches{"norm", "fixed"};
    static constexpr std::array<std::string_view, 2> corrections{"holm", "none"};
    in.take("match", to.match, word(matches));
    take_if(!by.ours(), in, "runs", to.runs, whole(1, 10), by);
    const bool fixed = to.match == spec::null_adapter::matching::fixed;
    take_if(!by.ours() || fixed, in, "init_scale", to.init_scale, number(1e-12, 1e6), by);
    in.take("seed_base", to.seed_base, whole(0, std::numeric_limits<std::int64_t>::max()));
    in.take("calibrate_kinds", to.calibrate_kinds, list(text));
    in.take("cache", to.cache, boolean);
    take_if(!by.ours(), in, "rank_multipliers", to.rank_multipliers, list(number(1e-6, 1e6), 1, 64),
            by);
    in.take("draws", to.draws, [](const value& from, std::optional<unsigned>& draws) {
        if (from.found().is_string() && from.found().get_string() == "auto")
            draws.reset();
        else if (from.found().is_string())
            from.refuse("auto or a whole number from 1 to 10000");
        else
            maybe(whole(1, 10'000))(from, draws);
    });
    in.take("alpha", to.alpha, number(1e-4, 0.5));
    in.take("correction", to.corrected, word(corrections));
}

void read(members& in, spec::delta_kl& to, const setting&)
{
    in.take("prompts", to.prompts, prompts);
    in.take("divergence", to.divergence, divergence);
    in.take("top_k", to.top_k, top_k);
    in.take("assert_mean_gte", to.assert_mean_gte, number());
}

void read(members& in, spec::prompt_collapse& to, const setting& by)
{
    in.take("prompts", to.prompts, prompts);
    in.take("context_lengths", to.context_lengths, list(whole(0, 1u << 24), 2, 32));
    in.take("divergence", to.divergence, divergence);
    in.take("top_k", to.top_k, top_k);
    in.take("assert_half_life_tokens", to.assert_half_life_tokens, number());
    take_if(!by.ours(), in, "legacy_stuffing", to.legacy_stuffing, boolean, by);
}

void read(members& in, spec::cluster_kl& to, const setting& by)
{
    unsigned clusters = 0; // of an embedder, which there is none of
    std::string embedder;
    in.take("prompts", to.prompts, list(read_topic_prompt));
    in.take_idle("num_clusters", clusters, whole(2, most), by.idle);
    in.take_idle("embedding_model", embedder, text, by.idle);
    in.take("divergence", to.divergence, divergence);
    in.take("top_k", to.top_k, top_k);
    in.take("min_prompts", to.min_prompts, whole(4, most_listed));
    in.take("assert_specificity_gte", to.assert_specificity_gte, number());
}

void read(members& in, spec::adapter_revert& to, const setting& by)
{
    std::string embedder;
    in.take("cases", to.cases, list(read_paraphrased));
    in.take("max_new_tokens", to.max_new_tokens, whole(1, most));
    in.take_idle("embedding_model", embedder, text, by.idle);
    in.take("base_gold_similarity_cap", to.base_gold_similarity_cap, rate);
    in.take("assert_revert_rate_lt", to.assert_revert_rate_lt, rate);
}

void read(members& in, spec::section_internalization& to, const setting& by)
{
    in.take("include_kinds", to.include_kinds, list(word(section_kinds), 1, 3));
    in.take("per_section_threshold", to.per_section_threshold, number());
    in.take("assert_passing_section_frac", to.assert_passing_section_frac, rate);
    in.take("max_prose_chars", to.max_prose_chars, whole(1, 1u << 24));
    take_if(by.ours(), in, "held_out", to.held_out, maybe(list(text, 1)), by);
}

void read(members& in, spec::paraphrase_invariance& to, const setting&)
{
    static constexpr std::array<std::string_view, 3> intents{"generalize", "memorize", "both"};
    in.take("cases", to.cases, list(read_paraphrased));
    in.take("intent", to.intent, word(intents));
    in.take("min_verbatim_lift", to.min_verbatim_lift, number());
    in.take("min_generalization_ratio", to.min_generalization_ratio, number());
    in.take("max_generalization_ratio_if_memorize", to.max_generalization_ratio_if_memorize,
            number());
}

void read(members& in, spec::preference_flip& to, const setting&)
{
    in.take("triples", to.triples, list(read_triple));
    in.take("assert_flip_rate_gte", to.assert_flip_rate_gte, rate);
    in.take("min_triples_for_decision", to.min_triples_for_decision, whole(1, most_listed));
}

void read(members& in, spec::tool_use_fidelity& to, const setting&)
{
    in.take("cases", to.cases, list(read_tool_case));
    in.take("allowed_tools", to.allowed_tools, maybe(list(text)));
    in.take("assert_validity_delta_gte", to.assert_validity_delta_gte, number());
    in.take("assert_hallucination_lte", to.assert_hallucination_lte, rate);
}

void read(members& in, spec::style_fingerprint& to, const setting&)
{
    static constexpr std::array<std::string_view, 3> choices{"auto", "on", "off"};
    in.take("prompts", to.prompts, prompts);
    in.take("doc_reference", to.doc_reference, text);
    in.take("max_new_tokens", to.max_new_tokens, whole(1, most));
    in.take("assert_shift_gte", to.assert_shift_gte, number());
    in.take("extended", to.extended, word(choices));
}

void read(members& in, spec::calibration_drift& to, const setting&)
{
    static constexpr std::array<std::string_view, 1> packs{"builtin"};
    std::size_t pack = 0;
    in.take("pack", pack, [](const value& from, std::size_t&) { word_place(from, packs); });
    in.take("items", to.items, maybe(list(read_case)));
    in.take("items_limit", to.items_limit, maybe(whole(1, most_listed)));
    in.take("assert_fraction_regressed_lt", to.assert_fraction_regressed_lt, rate);
    in.take("assert_mean_delta_gte", to.assert_mean_delta_gte, number());
    in.take("regression_nats", to.regression_nats, number());
}

void read(members& in, spec::external_perplexity& to, const setting&)
{
    static constexpr std::array<std::string_view, 2> corpora{"builtin", "public_domain_en"};
    in.take("corpus", to.corpus, word(corpora));
    in.take("chunk_chars", to.chunk_chars, whole(128, 16'384));
    in.take("max_chunks", to.max_chunks, whole(1, most_listed));
    in.take("assert_mean_delta_gte", to.assert_mean_delta_gte, number());
}

void read(members& in, spec::leakage& to, const setting& by)
{
    in.take("prefix_chars", to.prefix_chars, whole(1, most));
    in.take("continuation_chars", to.continuation_chars, whole(1, most));
    in.take("max_new_tokens", to.max_new_tokens, whole(1, most));
    in.take("perturbations", to.disturbed, [](const value& from, auto& disturbed) {
        list(word(perturbations))(from, disturbed.emplace());
    });
    in.take("assert_recall_lt", to.assert_recall_lt, number());
    take_if(!by.ours(), in, "min_fragility", to.min_fragility, rate, by);
}

void read(members& in, spec::training_drift& to, const setting&)
{
    in.take("store_path", to.store_path, maybe(text));
    in.take("losses", to.losses, maybe(list(read_step, 0, 1u << 20)));
    in.take("min_steps", to.min_steps, whole(2, 1u << 20));
    in.take("rolling_window", to.rolling_window, whole(1, 1u << 20));
    in.take("spike_sigma", to.spike_sigma, number());
    in.take("assert_smoothness_gte", to.assert_smoothness_gte, number());
    in.take("assert_convergence_ratio_lte", to.assert_convergence_ratio_lte, number());
    in.take("assert_instability_events_lte", to.assert_instability_events_lte, whole(0, most));
}

void read(members& in, spec::adapter_ablation& to, const setting& by)
{
    in.take("prompts", to.prompts, prompts);
    in.take("lambdas", to.lambdas, [](const value& from, std::vector<double>& lambdas) {
        list(number(0, 1e6), 3, 64)(from, lambdas);
        std::vector<double> sorted = lambdas;
        std::sort(sorted.begin(), sorted.end());
        if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
            from.refuse("distinct numbers");
    });
    in.take("divergence", to.divergence, divergence);
    in.take("top_k", to.top_k, top_k);
    take_if(!by.ours(), in, "assert_linearity_gte", to.assert_linearity_gte, number(), by);
    take_if(!by.ours(), in, "assert_saturation_between", to.assert_saturation_between, read_band,
            by);
    take_if(!by.ours(), in, "assert_overshoot_gte", to.assert_overshoot_gte, number(), by);
}

} // namespace warmd::evaluation

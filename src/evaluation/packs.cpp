#include "evaluation/packs.hpp"

#include "base/text.hpp"
#include "evaluation/pack_texts.hpp"

#include <warmd/json.hpp>

namespace warmd::evaluation {

namespace {

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

std::vector<gold_case> read_knowledge()
{
    std::vector<gold_case> made;
    const json::value pack = parse_json(pack_texts::knowledge).value();
    for (const json::value& each : pack.at("items").as_array())
        made.push_back({text_of(each.at("prompt")), text_of(each.at("gold"))});
    return made;
}

std::vector<std::string> read_passages()
{
    std::vector<std::string> made;
    const json::value pack = parse_json(pack_texts::prose).value();
    for (const json::value& each : pack.at("passages").as_array())
        made.push_back(text_of(each));
    return made;
}

synonym_table read_synonyms()
{
    synonym_table made;
    const json::value pack = parse_json(pack_texts::synonyms).value();
    for (const auto& each : pack.at("pairs").as_object())
        made.emplace(each.key(), text_of(each.value()));
    return made;
}

/// As published, but for leakage's perturbations: they have no part in what is compared.
json::array calibration_form(const json::value& pack)
{
    const json::value& prompts = pack.at("prompts");
    return {{{"kind", "delta_kl"}, {"prompts", prompts}},
            {{"kind", "style_fingerprint"},
             {"prompts", prompts},
             {"max_new_tokens", 64},
             {"doc_reference", pack.at("document")}},
            {{"kind", "calibration_drift"}, {"items_limit", 10}},
            {{"kind", "external_perplexity"}, {"chunk_chars", 2048}, {"max_chunks", 4}},
            {{"kind", "paraphrase_invariance"}, {"cases", pack.at("paraphrase_cases")}},
            {{"kind", "preference_flip"},
             {"triples", pack.at("preference_triples")},
             {"min_triples_for_decision", 2}},
            {{"kind", "tool_use_fidelity"}, {"cases", pack.at("tool_cases")}},
            {{"kind", "section_internalization"}},
            {{"kind", "leakage"},
             {"prefix_chars", 64},
             {"continuation_chars", 128},
             {"max_new_tokens", 48},
             {"perturbations", json::array()}}};
}

std::vector<entry> read_calibration()
{
    json::array entries = calibration_form(parse_json(pack_texts::calibration).value());
    for (json::value& each : entries) {
        const json::value kind = each.at("kind"); // a new member may move the others
        each.get_object()["name"] = kind;
    }
    return read_suite(json::object{{"suite", std::move(entries)}}, mode::sway).read.entries;
}

} // namespace

const std::vector<gold_case>& knowledge_pack()
{
    static const std::vector<gold_case> pack = read_knowledge();
    return pack;
}

const std::vector<std::string>& prose_passages()
{
    static const std::vector<std::string> pack = read_passages();
    return pack;
}

const std::string& prose_pack()
{
    static const std::string pack = joined(prose_passages(), "\n\n");
    return pack;
}

const synonym_table& synonyms()
{
    static const synonym_table pack = read_synonyms();
    return pack;
}

const std::vector<entry>& calibration_pack()
{
    static const std::vector<entry> pack = read_calibration();
    return pack;
}

std::string_view check_suite_text() { return pack_texts::check_suite; }

} // namespace warmd::evaluation

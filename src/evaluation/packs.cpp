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

std::string_view check_suite_text() { return pack_texts::check_suite; }

} // namespace warmd::evaluation

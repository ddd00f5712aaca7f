#pragma once
// What can be measured of a text without a model: how much of another it repeats, in what style it
// is written, whether it calls a tool; and how a text is disturbed.

#include "evaluation/entries.hpp"
#include <warmd/json.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::evaluation {

/// Ratcliff-Obershelp similarity (Ratcliff & Metzener 1988) by characters: twice those in matching
/// blocks over those of both; 0 if either is empty. `autojunk`: as Python's difflib has it by
/// default, which lets no block begin with a character that is frequent in `truth`.
double recall(std::string_view generated, std::string_view truth, bool autojunk);

/// Lower-cased words by English spelling: letters of ASCII, with ' and - within.
std::vector<std::string> words_of(std::string_view text);
/// Harmonic mean of precision and recall of b's words among a's, as multisets; 0 if none is shared.
double word_f1(std::string_view a, std::string_view b);

/// Mean words in a sentence / 30; their population standard deviation / 30; distinct words / words;
/// mean length of a word / 10; punctuation / characters * 10; 30 / max(1, mean words in a
/// paragraph). Zeros without words.
using fingerprint = std::array<double, 6>;
fingerprint fingerprint_of(std::string_view text);

using synonym_table = std::map<std::string, std::string, std::less<>>;
std::string disturbed(std::string_view text, perturbation how, const synonym_table& synonyms);

/// The JSON object in a text: all of it, its first fenced block, or its first balanced braces.
std::optional<json::object> tool_call_in(std::string_view text);
/// Whether it has a `name` and `arguments` that are as the tool's JSON Schema says: what is
/// required is there, and what is listed is of its type. Others are allowed.
bool is_valid_call(const json::object& call, const json::object& schema);

} // namespace warmd::evaluation

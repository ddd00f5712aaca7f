// Cases that tools/oracle/cases wrote, tried: what the tokenizers library makes of texts and ids,
// and what warmd does. usage: oracle_compare DIRECTORY. Prints each difference (ten for each file)
// and their number; fails if there are any.

#include "hf/text/tokenizer.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

using namespace warmd;

namespace {

std::string outcome(auto compute)
{
    try {
        return json::serialize(json::value_from(compute()));
    } catch (const std::exception& e) {
        return std::string("error: ") + e.what();
    }
}

/// One of {"text": …, "ids": …} and {"ids": …, "text": …, "decode": true}; null for what the
/// library refuses.
bool agrees(const hf::tokenizer& words, const json::value& given, bool shown)
{
    const json::object& members = given.as_object();
    const bool decode = members.contains("decode");
    const std::string expected = json::serialize(members.at(decode ? "text" : "ids"));
    const std::string found = outcome([&]() -> json::value {
        if (decode)
            return json::value_from(
                words.decode(json::value_to<std::vector<token_id>>(members.at("ids")), false));
        return json::value_from(words.encode(members.at("text").as_string(), true));
    });
    const bool same = found == expected || (expected == "null" && found.starts_with("error: "));
    if (!same && shown)
        std::cout << "  " << json::serialize(given) << "\n    found " << found << '\n';
    return same;
}

std::size_t differences(const std::filesystem::path& cases)
{
    const auto words = hf::tokenizer::load(cases / "tokenizer.json");
    if (!words) {
        std::cout << cases.native() << ": " << words.error().detail << '\n';
        return 1;
    }
    std::ifstream lines(cases / "cases.jsonl");
    std::size_t tried = 0;
    std::size_t different = 0;
    for (std::string line; std::getline(lines, line); ++tried)
        if (!agrees(*words, json::parse(line), different < 10))
            ++different;
    std::cout << cases.filename().native() << ": " << tried << " tried, " << different
              << " different\n";
    return different;
}

} // namespace

int main(int count, char** arguments)
{
    if (count != 2) {
        std::cerr << "usage: oracle_compare DIRECTORY\n";
        return 2;
    }
    std::vector<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1]))
        all.push_back(entry.path());
    std::ranges::sort(all);
    std::size_t sum = 0;
    for (const std::filesystem::path& each : all)
        sum += differences(each);
    std::cout << sum << " different\n";
    return sum == 0 ? 0 : 1;
}

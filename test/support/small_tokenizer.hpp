#pragma once
// Tokenizers of a few tokens, from the text of a tokenizer.json.

#include "hf/text/tokenizer.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf::test_of_tokenizers {

using ids = std::vector<token_id>;

inline const std::filesystem::path fixtures = std::filesystem::path(WARMD_TEST_DATA) / "fixtures";

inline std::string read(const std::filesystem::path& path)
{
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

inline std::string shown(const ids& list)
{
    std::string text;
    for (token_id id : list)
        text += std::to_string(id) + " ";
    return text;
}

/// Letters of "abcde", space, and two merges.
inline constexpr std::string_view small_model =
    R"({"type":"BPE","vocab":{"a":0,"b":1,"c":2,"d":3,"e":4," ":5,"ab":6,"abc":7,"_":8},)"
    R"("merges":[["a","b"],["ab","c"]]})";

/// A tokenizer.json of `members` ("name": value, …) and a model.
inline std::string document(std::string_view members, std::string_view model = small_model)
{
    return "{" + std::string(members) + (members.empty() ? "" : ",") +
           "\"model\":" + std::string(model) + "}";
}

inline result<tokenizer> load_text(std::string_view text)
{
    const test::scratch_directory dir;
    test::write_file(dir.path / "tokenizer.json", text);
    return tokenizer::load(dir.path / "tokenizer.json");
}

inline tokenizer loaded(std::string_view text) { return load_text(text).value(); }

inline std::string added(std::string_view tokens)
{
    return document("\"added_tokens\":[" + std::string(tokens) + "]");
}

} // namespace warmd::hf::test_of_tokenizers

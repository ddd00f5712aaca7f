#include "backends/hf/tokenizer.hpp"

#include <warmd/json.hpp>

#include "support/scratch.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

using namespace warmd;
using hf::tokenizer;
namespace data = boost::unit_test::data;

namespace {

using ids = std::vector<token_id>;

const std::filesystem::path fixtures = std::filesystem::path(WARMD_TEST_DATA) / "fixtures";
const std::vector<std::string> models{"fixtures/llama-smol", "fixtures/llama3-mini", "fixtures/llama2-mini", "fixtures/qwen2-mini",
                                      "fixtures/qwen3-mini", "fixtures/mistral-mini", "demo"};

std::string read(const std::filesystem::path& path)
{
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

json::value reference(const std::string& model)
{
    return parse_json(read(std::filesystem::path(WARMD_TEST_DATA) / model / "reference.json")).value();
}

tokenizer shipped(const std::string& model)
{
    return tokenizer::load(std::filesystem::path(WARMD_TEST_DATA) / model / "model" / "tokenizer.json").value();
}

ids to_ids(const json::value& array) { return json::value_to<ids>(array); }

std::string shown(const ids& list)
{
    std::string text;
    for (token_id id : list)
        text += std::to_string(id) + " ";
    return text;
}

} // namespace

// -- the reference's own answers ------------------------------------------------------------------------------------

BOOST_DATA_TEST_CASE(every_reference_text_has_the_reference_ids, data::make(models), model)
{
    const tokenizer t = shipped(model);
    const json::value expected = reference(model);
    for (const json::value& c : expected.at("tokenization").as_array()) {
        const std::string text(c.at("text").as_string());
        BOOST_TEST_CONTEXT("text " << json::serialize(c.at("text")))
            BOOST_TEST(shown(t.encode(text, c.at("add_special_tokens").as_bool())) == shown(to_ids(c.at("ids"))));
    }
    for (const char* member : {"prompts", "rolling_texts"})
        for (const json::value& c : expected.at(member).as_array())
            BOOST_TEST(shown(t.encode(c.at("text").as_string(), true)) == shown(to_ids(c.at("ids"))));
    for (const json::value& c : expected.at("completion_pairs").as_array()) {
        const std::string prompt(c.at("prompt").as_string());
        BOOST_TEST(shown(t.encode(prompt, true)) == shown(to_ids(c.at("prompt_ids"))));
        const std::string full = prompt + std::string(c.at("completion").as_string());
        BOOST_TEST(shown(t.encode(full, true)) == shown(to_ids(c.at("full_ids"))));
    }
}

BOOST_DATA_TEST_CASE(every_reference_id_list_has_the_reference_text, data::make(models), model)
{
    const tokenizer t = shipped(model);
    const json::value expected = reference(model);
    for (const json::value& c : expected.at("tokenization").as_array())
        BOOST_TEST_CONTEXT("text " << json::serialize(c.at("text"))) {
            BOOST_TEST(t.decode(to_ids(c.at("ids")), false) == c.at("decoded").as_string());
            BOOST_TEST(t.decode(to_ids(c.at("ids")), true) == c.at("decoded_skip_special").as_string());
        }
    for (const json::value& c : expected.at("decoding").as_array())
        BOOST_TEST_CONTEXT("ids " << json::serialize(c.at("ids"))) {
            BOOST_TEST(t.decode(to_ids(c.at("ids")), false) == c.at("text").as_string());
            BOOST_TEST(t.decode(to_ids(c.at("ids")), true) == c.at("text_skip_special").as_string());
        }
}

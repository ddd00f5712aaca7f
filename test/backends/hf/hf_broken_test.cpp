// Every defective input of test/data/fixtures/broken is refused with words that name the defect;
// the sound ones load.

#include "support/hf_model.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cctype>

using namespace warmd;
using namespace warmd::hf;

namespace {

const std::filesystem::path broken = test_data / "fixtures/broken";

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::string text(const json::value& value) { return json::value_to<std::string>(value); }

model_spec spec_for(const json::value& input)
{
    const std::filesystem::path directory = broken / text(input.at("dir"));
    return text(input.at("kind")) == "adapter" ? spec_of(broken / text(input.at("base")), directory)
                                               : spec_of(directory);
}

std::vector<std::string> directories()
{
    std::vector<std::string> all;
    const json::value inputs = read_json_file(broken / "expected.json");
    for (const json::value& input : inputs.as_array())
        all.push_back(text(input.at("dir")));
    return all;
}

json::value entry_of(const std::string& directory)
{
    const json::value all = read_json_file(broken / "expected.json");
    return *std::find_if(
        all.as_array().begin(), all.as_array().end(),
        [&](const json::value& each) { return text(each.at("dir")) == directory; });
}

} // namespace

BOOST_DATA_TEST_CASE(a_defect_is_refused_by_name, boost::unit_test::data::make(directories()),
                     directory)
{
    const json::value input = entry_of(directory);
    const auto loaded = load_with(hf_loader(), spec_for(input));
    if (text(input.at("must")) == "load") {
        BOOST_TEST(loaded.has_value());
        return;
    }
    BOOST_REQUIRE(loaded.has_error());
    const failure why = loaded.error();
    BOOST_TEST((why.code == errc::load_failed || why.code == errc::unsupported));
    const json::array& words = input.at("mention_any").as_array();
    const bool mentioned = std::any_of(words.begin(), words.end(), [&](const json::value& word) {
        return lower(why.detail).find(lower(text(word))) != std::string::npos;
    });
    BOOST_TEST(mentioned, why.detail);
    BOOST_TEST_MESSAGE(directory << ": " << why.detail);
}

BOOST_AUTO_TEST_CASE(what_is_only_not_implemented_is_unsupported)
{
    for (const char* const directory : {"config-unsupported-arch", "config-rope-unknown",
                                        "adapter-not-lora", "tokenizer-unsupported-type"}) {
        const auto loaded = load_with(hf_loader(), spec_for(entry_of(directory)));
        BOOST_REQUIRE(loaded.has_error());
        BOOST_TEST((loaded.error().code == errc::unsupported), directory);
    }
}

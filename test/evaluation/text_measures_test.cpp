// What is measured of texts, by values that were computed elsewhere.

#include "evaluation/characters.hpp"
#include "evaluation/packs.hpp"
#include "evaluation/text_measures.hpp"
#include "support/vectors.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

std::string text(const json::value& of) { return std::string(of.as_string()); }

void check_perturbations(const json::value& given)
{
    for (std::size_t i = 0; i != perturbations.size(); ++i)
        BOOST_TEST(disturbed(text(given.at("text")), static_cast<perturbation>(i), synonyms()) ==
                   text(given.at("values").at(perturbations[i])));
}

} // namespace

BOOST_AUTO_TEST_CASE(recall_is_the_published_ratio_with_and_without_autojunk)
{
    for (const json::value& each : vectors("recall").as_array())
        for (const bool autojunk : {false, true})
            BOOST_TEST(is_close(recall(text(each.at("generated")), text(each.at("true")), autojunk),
                                each.at(autojunk ? "compat" : "default")));
}

BOOST_AUTO_TEST_CASE(a_prefix_is_disturbed_in_seven_ways)
{
    const json::value all = vectors("perturbations");
    check_perturbations(all);
    check_perturbations(all.at("short"));
    check_perturbations(all.at("lower"));
    for (std::size_t i = 0; i != perturbations.size(); ++i)
        BOOST_CHECK_NO_THROW(disturbed("", static_cast<perturbation>(i), synonyms()));
    BOOST_TEST(disturbed("été", perturbation::case_flip, synonyms()) == "Été");
    BOOST_TEST(disturbed("été", perturbation::typo, synonyms()) == "téé");
}

BOOST_AUTO_TEST_CASE(a_fingerprint_has_six_dimensions_and_is_zero_without_words)
{
    for (const json::value& each : vectors("fingerprint").as_array()) {
        const evaluation::fingerprint found = fingerprint_of(text(each.at("text")));
        for (std::size_t i = 0; i != found.size(); ++i)
            BOOST_TEST(is_close(found[i], each.at("value").at(i)));
    }
}

BOOST_AUTO_TEST_CASE(words_end_where_a_letter_of_another_script_goes_on)
{
    const std::vector<std::string> words{"a", "well-kept", "lamp"};
    BOOST_TEST(words_of("A well-kept- lamp' café 3x") == words, boost::test_tools::per_element());
    BOOST_TEST(word_f1("The cat the dog", "the dog") == 2.0 / 3);
    BOOST_TEST(word_f1("", "the dog") == 0);
}

BOOST_AUTO_TEST_CASE(a_tool_call_is_found_and_held_against_its_schema)
{
    const json::value all = vectors("tool_calls");
    const json::object& schema = all.at("tool_spec").at("arguments").as_object();
    for (const json::value& each : all.at("cases").as_array()) {
        const auto found = tool_call_in(text(each.at("text")));
        BOOST_TEST((found ? json::value(*found) : json::value()) == each.at("parsed"));
        BOOST_TEST((found && is_valid_call(*found, schema)) == each.at("valid").as_bool());
    }
}

BOOST_AUTO_TEST_CASE(characters_are_code_points)
{
    const std::string text = "aé漢😀b";
    BOOST_TEST(count_characters(text) == 5u);
    BOOST_TEST(utf8_of(characters_of(text)) == text);
    BOOST_TEST(characters_from(text, 1, 2) == "é漢");
    BOOST_TEST(characters_from(text, 3, 9) == "😀b");
    BOOST_TEST(characters_from(text, 9, 1) == "");
    BOOST_TEST(is_blank(" \t\u3000\n"));
}

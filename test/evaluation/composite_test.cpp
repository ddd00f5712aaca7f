// One number for a suite's results, by values that were computed elsewhere.

#include "evaluation/composite.hpp"
#include "support/vectors.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

std::vector<scored_result> results_of(const json::value& given)
{
    std::vector<scored_result> made;
    for (const json::value& each : given.as_array()) {
        const auto place = std::ranges::find(verdicts, each.at("verdict").as_string());
        made.push_back({.kind = each.at("kind").as_string(),
                        .found = static_cast<verdict>(place - verdicts.begin()),
                        .score = each.at("score").is_null()
                                     ? std::nullopt
                                     : std::optional(number_of(each.at("score"))),
                        .weight = number_of(each.at("weight"))});
    }
    return made;
}

void check(const composite& found, const json::value& expected)
{
    BOOST_TEST(is_close(found.overall, expected.at("overall")));
    BOOST_TEST((found.band.empty() ? json::value() : json::value(found.band)) ==
               expected.at("band"));
    for (std::size_t i = 0; i != categories.size(); ++i) {
        const json::value* const other =
            expected.at("components").as_object().if_contains(categories[i]);
        BOOST_TEST(found.components[i].has_value() == (other != nullptr), categories[i]);
        BOOST_TEST((!other || is_close(*found.components[i], *other)), categories[i]);
    }
    BOOST_TEST(found.ceiling.has_value() == !expected.at("ceiling").is_null());
    BOOST_TEST((!found.ceiling || is_close(*found.ceiling, expected.at("ceiling"))));
    BOOST_TEST(json::value(json::array(found.missing.begin(), found.missing.end())) ==
               expected.at("missing"));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_composite_is_the_modes)
{
    for (const json::value& each : vectors("composite").as_array()) {
        const std::vector<scored_result> results = results_of(each.at("results"));
        check(compose(results, {}, mode::standard), each.at("default"));
        check(compose(results, {}, mode::sway), each.at("compat"));
    }
}

BOOST_AUTO_TEST_CASE(the_worked_composite_of_the_published_suites)
{
    const std::vector<scored_result> results{
        {"delta_kl", verdict::fail, 0.48777},
        {"section_internalization", verdict::fail, 0.5},
        {"leakage", verdict::pass, 0.94360},
        {"calibration_drift", verdict::pass, 0.39763},
        {"adapter_ablation", verdict::fail, 0.79},
        {"paraphrase_invariance", verdict::error, std::nullopt}};
    const composite found = compose(results, {}, mode::sway);
    const double components[] = {0.48777, 0.5, 0.67062, 0.79, 0};
    for (std::size_t i = 0; i != categories.size(); ++i)
        BOOST_TEST(std::abs(found.components[i].value() - components[i]) < 1e-5, categories[i]);
    BOOST_TEST(std::abs(found.overall - 0.57395) < 1e-5);
    BOOST_TEST(found.band == "partial");
}

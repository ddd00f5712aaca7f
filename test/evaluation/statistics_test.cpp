// Intervals, grades and comparisons, by values that were computed elsewhere.

#include "evaluation/statistics.hpp"
#include "support/vectors.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

bool is_interval(const std::optional<interval>& found, const json::value& expected)
{
    if (!found || expected.is_null())
        return !found && expected.is_null();
    return is_close(found->low, expected.at(0)) && is_close(found->high, expected.at(1));
}

} // namespace

BOOST_AUTO_TEST_CASE(resampling_draws_what_it_draws_everywhere)
{
    const json::value& given = vectors("mt19937_64");
    std::mt19937_64 random(given.at("seed").to_number<std::uint64_t>());
    for (const json::value& each : given.at("first").as_array())
        BOOST_TEST(std::to_string(random()) == each.as_string());
}

BOOST_AUTO_TEST_CASE(a_grade_is_one_half_where_it_just_passes)
{
    for (const json::value& each : vectors("grade").as_array())
        BOOST_TEST(is_close(grade(number_of(each.at("x")), number_of(each.at("zero")),
                                  number_of(each.at("pass")), number_of(each.at("best"))),
                            each.at("value")));
}

BOOST_AUTO_TEST_CASE(a_means_interval_is_the_modes)
{
    for (const json::value& each : vectors("mean_ci_95").as_array()) {
        const auto samples = numbers_of(each.at("samples"));
        BOOST_TEST(is_interval(mean_interval(samples, mode::sway), each.at("compat")));
        BOOST_TEST(is_interval(mean_interval(samples, mode::standard), each.at("default")));
    }
    BOOST_TEST(!mean_interval({}, mode::sway));
}

BOOST_AUTO_TEST_CASE(groups_are_resampled_each_by_itself)
{
    const json::value given = vectors("two_group_ci_95");
    const std::vector<std::vector<double>> groups{numbers_of(given.at("sections")),
                                                  numbers_of(given.at("held_out"))};
    const auto found = expanded_interval(groups, [](std::span<const std::vector<double>> of) {
        return mean(of[0]) - std::max(0.0, mean(of[1]));
    });
    BOOST_TEST(is_interval(found, given.at("default")));
}

BOOST_AUTO_TEST_CASE(a_proportions_interval_is_wilsons)
{
    for (const json::value& each : vectors("wilson").as_array())
        BOOST_TEST(is_interval(wilson(each.at("successes").to_number<std::size_t>(),
                                      each.at("n").to_number<std::size_t>()),
                               each.at("value")));
}

BOOST_AUTO_TEST_CASE(students_distribution_has_its_tails)
{
    for (const json::value& each : vectors("student_t").as_array())
        BOOST_TEST(is_close(t_upper_tail(number_of(each.at("t")), number_of(each.at("df"))),
                            each.at("upper_tail")));
    for (const json::value& each : vectors("student_t_975").as_array())
        BOOST_TEST(is_close(t_975(number_of(each.at("df"))), each.at("value")));
}

BOOST_AUTO_TEST_CASE(holm_steps_down)
{
    for (const json::value& each : vectors("holm").as_array()) {
        const auto found = holm(numbers_of(each.at("p")));
        for (std::size_t i = 0; i != found.size(); ++i)
            BOOST_TEST(is_close(found[i], each.at("adjusted").at(i)));
    }
}

BOOST_AUTO_TEST_CASE(ties_with_a_null_count_against_the_adapter)
{
    const std::vector<double> nulls{1, 2, 2 - 1e-13, 3};
    BOOST_TEST(compare_with_nulls(2, nulls).p == 0.8);
    BOOST_TEST(compare_with_nulls(4, nulls).p == 0.2);
    BOOST_TEST(compare_with_nulls(2, std::vector<double>{1, 2, 3}).median == 2);
    BOOST_TEST((compare_with_nulls(4, nulls).z > 0));
    BOOST_TEST(!compare_with_nulls(1, std::vector<double>{2, 2, 2}).z);
}

BOOST_AUTO_TEST_CASE(a_line_is_that_of_least_squares)
{
    const json::value given = vectors("line");
    BOOST_TEST(is_close(slope(numbers_of(given.at(0).at("x")), numbers_of(given.at(0).at("ln_y"))),
                        given.at(0).at("slope")));
    BOOST_TEST(is_close(fit(numbers_of(given.at(1).at("x")), numbers_of(given.at(1).at("y"))),
                        given.at(1).at("r2")));
    BOOST_TEST(fit(std::vector<double>{1, 2}, std::vector<double>{3, 3}) == 1);
}

BOOST_AUTO_TEST_CASE(topics_are_told_apart_by_permutation)
{
    for (const json::value& each : vectors("topics").as_array()) {
        std::map<std::string, std::size_t> known;
        std::vector<std::size_t> topics;
        for (const json::value& topic : each.at("topics").as_array())
            topics.push_back(known.emplace(topic.as_string(), known.size()).first->second);
        const auto found =
            spread_over_topics(numbers_of(each.at("divergences")), topics, known.size());
        BOOST_TEST(is_close(found.share, each.at("raw")));
        BOOST_TEST(is_close(found.p, each.at("p")));
    }
}

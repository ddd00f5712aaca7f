#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace warmd;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_time_is_told_in_seconds_without_zeros_at_the_end)
{
    BOOST_TEST(seconds_text(600s) == "600 s");
    BOOST_TEST(seconds_text(0s) == "0 s");
    BOOST_TEST(seconds_text(250ms) == "0.25 s");
    BOOST_TEST(seconds_text(1us) == "0.000001 s");
    BOOST_TEST(in_seconds(1500ms) == 1.5);
}

BOOST_AUTO_TEST_CASE(a_list_has_what_stands_between_only_between)
{
    const std::vector<std::string> words{"", "b", ""};
    BOOST_TEST(joined(words) == ", b, ");
    BOOST_TEST(joined(std::vector<std::string>()) == "");
    BOOST_TEST(joined(words, "|") == "|b|");
    BOOST_TEST(joined(std::vector<int>{1, 2}, "+", [](int i) { return std::to_string(i); }) ==
               "1+2");
}

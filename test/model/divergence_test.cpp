#include <warmd/divergence.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>

using namespace warmd;

namespace {

top_slice slice(std::initializer_list<std::pair<token_id, double>> listed)
{
    top_slice made{.vocab_size = 1000};
    for (const auto& [id, p] : listed) {
        made.token_ids.push_back(id);
        made.logprobs.push_back(static_cast<float>(std::log(p)));
    }
    return made;
}

void expect(const top_slice& from, const top_slice& to, double js, double kl)
{
    // float logprobs carry about 1e-7 of relative error into each mass
    BOOST_TEST(std::abs(divergence(divergence_kind::js, from, to).value() - js) < 1e-6);
    BOOST_TEST(std::abs(divergence(divergence_kind::kl, from, to).value() - kl) < 1e-5);
}

} // namespace

BOOST_AUTO_TEST_CASE(overlapping_slices_share_the_tail_over_unlisted_slots)
{
    expect(slice({{0, .5}, {1, .3}, {2, .1}}), slice({{0, .4}, {3, .3}, {1, .2}}), 0.033979804872,
           0.159233228415);
}

BOOST_AUTO_TEST_CASE(identical_id_sets_drop_the_tail)
{
    expect(slice({{0, .6}, {1, .2}}), slice({{0, .3}, {1, .5}}), 0.073365018378, 0.312751526011);
}

BOOST_AUTO_TEST_CASE(a_distribution_is_no_distance_from_itself)
{
    expect(slice({{0, .7}, {1, .2}}), slice({{0, .7}, {1, .2}}), 0, 0);
}

BOOST_AUTO_TEST_CASE(disjoint_slices_are_ln_2_apart)
{
    expect(slice({{0, .9}, {1, .1}}), slice({{2, .9}, {3, .1}}), 0.693147120608, 19.99954);
}

BOOST_AUTO_TEST_CASE(a_degenerate_side_is_named)
{
    const top_slice good = slice({{0, .7}, {1, .2}});
    const top_slice uniform = slice({{0, .25}, {1, .25}});
    top_slice broken = good;
    broken.logprobs[1] = std::numeric_limits<float>::quiet_NaN();
    const auto why = [](const result<double>& r) { return r.error().detail; };
    BOOST_TEST(why(divergence(divergence_kind::js, broken, uniform)).find("from") !=
               std::string::npos);
    BOOST_TEST(why(divergence(divergence_kind::js, good, broken)).find("to") != std::string::npos);
    BOOST_TEST(why(divergence(divergence_kind::kl, good, uniform)).find("effectively uniform") !=
               std::string::npos);
    BOOST_TEST(
        (divergence(divergence_kind::kl, good, uniform).error().code == errc::backend_failed));
}

BOOST_AUTO_TEST_CASE(the_interval_holds_the_mean_and_is_the_same_every_time)
{
    std::vector<result<top_slice>> from, to;
    for (int i = 1; i != 20; ++i) {
        from.push_back(slice({{0, .6}, {1, .2}}));
        to.push_back(slice({{0, .6 - i * 0.02}, {1, .2}}));
    }
    const divergence_report report = compare(divergence_kind::js, from, to);
    BOOST_TEST(report.ci_95_low < report.mean);
    BOOST_TEST(report.mean < report.ci_95_high);
    BOOST_TEST(report.max == report.per_prompt.back().value());
    BOOST_TEST(compare(divergence_kind::js, from, to).ci_95_low == report.ci_95_low);
}

BOOST_AUTO_TEST_CASE(equal_values_give_an_interval_of_no_width)
{
    const std::vector<result<top_slice>> from(5, slice({{0, .6}, {1, .2}})),
        to(5, slice({{0, .5}, {1, .2}}));
    const divergence_report report = compare(divergence_kind::kl, from, to);
    BOOST_TEST(report.ci_95_low == report.ci_95_high);
}

BOOST_AUTO_TEST_CASE(a_prompt_without_a_slice_fails_in_its_place_and_counts_for_nothing)
{
    const result<top_slice> near = slice({{0, .6}, {1, .2}}), far = slice({{0, .2}, {1, .6}});
    const failure too_long{errc::invalid_params, "prompts[1]: too long"};
    const result<top_slice> uniform = slice({{0, .25}, {1, .25}});
    const std::vector<result<top_slice>> from{near, too_long, near, near},
        to{far, far, too_long, uniform};
    const divergence_report report = compare(divergence_kind::js, from, to);
    BOOST_TEST_REQUIRE(report.per_prompt.size() == 4u);
    BOOST_TEST((report.per_prompt[1].error() == too_long));
    BOOST_TEST((report.per_prompt[2].error() == too_long));
    BOOST_TEST(report.per_prompt[3].error().detail.starts_with("prompts[3]: the to distribution"));
    BOOST_TEST(report.mean == report.per_prompt[0].value());
    BOOST_TEST(report.max == report.mean);
    BOOST_TEST(report.ci_95_high == report.mean);
}

BOOST_AUTO_TEST_CASE(nothing_compared_has_no_mean)
{
    const std::vector<result<top_slice>> none{failure{}};
    const divergence_report report = compare(divergence_kind::kl, none, none);
    BOOST_TEST(std::isnan(report.mean));
    BOOST_TEST(std::isnan(report.max));
    BOOST_TEST(std::isnan(report.ci_95_low));
}

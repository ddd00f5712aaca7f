// Drawn tokens against the masses they must have. The generator is seeded, so that every run draws
// the same.

#include "hf/calls/sampling.hpp"

#include "support/demo_model.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

using namespace warmd;
using namespace warmd::hf;

namespace {

constexpr std::size_t draws = 20'000;

std::vector<float> logits_of(const std::vector<double>& masses)
{
    std::vector<float> logits;
    for (const double mass : masses)
        logits.push_back(static_cast<float>(std::log(mass)) + 3);
    return logits;
}

/// How often each token comes.
std::map<token_id, double> shares(const std::vector<float>& logits, double temperature,
                                  double top_p, std::size_t top_k)
{
    std::mt19937_64 random(20'260'101);
    std::map<token_id, double> share;
    for (std::size_t i = 0; i != draws; ++i)
        share[draw(logits, temperature, top_p, top_k, random)] += 1.0 / draws;
    return share;
}

/// `share` has exactly the tokens of `expected`, each as often as its mass says, up to four
/// standard deviations.
void expect(const std::map<token_id, double>& share, std::map<token_id, double> expected)
{
    double total = 0;
    for (const auto& [id, mass] : expected)
        total += mass;
    BOOST_TEST(share.size() == expected.size());
    for (const auto& [id, mass] : expected) {
        const double p = mass / total, deviation = std::sqrt(p * (1 - p) / draws);
        BOOST_TEST_REQUIRE(share.contains(id), "token " << id << " never came");
        BOOST_TEST(std::abs(share.at(id) - p) <= 4 * deviation + 1e-9,
                   "token " << id << ": " << share.at(id) << " instead of " << p);
    }
}

const std::vector<double> masses{0.1, 0.4, 0.2, 0.25, 0.05};

/// The smallest set of the most likely whose mass reaches top_p, by sorting everything.
std::set<token_id> nucleus(const std::vector<float>& logits, double temperature, double top_p)
{
    std::vector<token_id> ids(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto logit = [&](token_id id) { return logits[static_cast<std::size_t>(id)]; };
    std::stable_sort(ids.begin(), ids.end(),
                     [&](token_id a, token_id b) { return logit(a) > logit(b); });
    double total = 0, kept = 0;
    for (const token_id id : ids)
        total += std::exp(static_cast<double>(logit(id)) / temperature);
    std::set<token_id> set;
    for (const token_id id : ids) {
        if (kept >= top_p * total)
            break;
        kept += std::exp(static_cast<double>(logit(id)) / temperature);
        set.insert(id);
    }
    return set;
}

} // namespace

BOOST_DATA_TEST_CASE(a_temperature_raises_each_mass_to_its_inverse,
                     boost::unit_test::data::make({1.0, 0.5, 2.0, 0.1, 10.0}), temperature)
{
    std::map<token_id, double> expected;
    for (std::size_t i = 0; i != masses.size(); ++i)
        if (std::pow(masses[i] / 0.4, 1 / temperature) > 1e-3) // the others hardly ever come
            expected[static_cast<token_id>(i)] = std::pow(masses[i], 1 / temperature);
    auto share = shares(logits_of(masses), temperature, 1, 0);
    std::erase_if(share, [&](const auto& each) { return !expected.contains(each.first); });
    expect(share, expected);
}

BOOST_AUTO_TEST_CASE(top_k_keeps_so_many_of_the_most_likely)
{
    const auto logits = logits_of(masses);
    expect(shares(logits, 1, 1, 2), {{1, 0.4}, {3, 0.25}});
    expect(shares(logits, 2, 1, 3),
           {{1, std::sqrt(0.4)}, {3, std::sqrt(0.25)}, {2, std::sqrt(0.2)}});
    expect(shares(logits, 5, 1, 1), {{1, 1}});
}

BOOST_AUTO_TEST_CASE(top_p_keeps_the_smallest_set_that_reaches_its_mass)
{
    const auto logits = logits_of(masses);
    expect(shares(logits, 1, 0.39, 0), {{1, 1}});
    expect(shares(logits, 1, 0.41, 0), {{1, 0.4}, {3, 0.25}});
    expect(shares(logits, 1, 0.64, 0), {{1, 0.4}, {3, 0.25}});
    expect(shares(logits, 1, 0.66, 0), {{1, 0.4}, {3, 0.25}, {2, 0.2}});
    expect(shares(logits, 1, 0.94, 0), {{1, 0.4}, {3, 0.25}, {2, 0.2}, {0, 0.1}});
    expect(shares(logits, 1, 0.96, 0), {{1, 0.4}, {3, 0.25}, {2, 0.2}, {0, 0.1}, {4, 0.05}});
}

BOOST_AUTO_TEST_CASE(top_p_is_of_what_temperature_and_top_k_leave)
{
    const auto logits = logits_of(masses);
    // Of the two most likely, the first has 0.4 / 0.65 = 0.615.
    expect(shares(logits, 1, 0.6, 2), {{1, 1}});
    expect(shares(logits, 1, 0.63, 2), {{1, 0.4}, {3, 0.25}});
    // Squared, the first has 0.16 / 0.275 = 0.58 of all.
    expect(shares(logits, 0.5, 0.57, 0), {{1, 1}});
    expect(shares(logits, 0.5, 0.59, 0), {{1, 0.16}, {3, 0.0625}});
}

BOOST_AUTO_TEST_CASE(of_equals_the_lowest_ids_are_kept)
{
    const std::vector<float> equal(100, 1.5f);
    expect(shares(equal, 1, 0.035, 0), {{0, 1}, {1, 1}, {2, 1}, {3, 1}});
    expect(shares(equal, 1, 1, 3), {{0, 1}, {1, 1}, {2, 1}});
}

BOOST_AUTO_TEST_CASE(of_a_whole_vocabulary_the_set_kept_is_that_of_sorting_it)
{
    std::mt19937_64 random(5);
    std::normal_distribution<float> normal(0, 3);
    std::vector<float> logits(151'936);
    for (float& each : logits)
        each = normal(random);
    for (const double top_p : {0.001, 0.02, 0.05}) {
        const std::set<token_id> kept = nucleus(logits, 1, top_p);
        std::set<token_id> seen;
        for (int i = 0; i != 100; ++i)
            seen.insert(draw(logits, 1, top_p, 0, random));
        BOOST_TEST(std::includes(kept.begin(), kept.end(), seen.begin(), seen.end()));
        BOOST_TEST(seen.size() >= std::min<std::size_t>(kept.size(), 30)); // not a few only
    }
}

BOOST_AUTO_TEST_CASE(the_same_seed_draws_the_same_and_another_does_not)
{
    const auto logits = logits_of(masses);
    const auto row = [&](std::uint64_t seed) {
        std::mt19937_64 random(seed);
        std::vector<token_id> ids;
        for (int i = 0; i != 64; ++i)
            ids.push_back(draw(logits, 1, 0.96, 0, random));
        return ids;
    };
    BOOST_TEST(row(1) == row(1));
    BOOST_TEST(row(1) != row(2));
}

BOOST_AUTO_TEST_CASE(a_generation_draws_as_its_parameters_say)
{
    constexpr std::size_t many = 400;
    const auto model = demo_model();
    const auto slice =
        ask<distributions>(*model, next_token{{}, {"The king"}, 4}).slices[0].value();
    std::vector<operation> all;
    for (std::size_t seed = 0; seed != many; ++seed)
        all.push_back(generate{
            .prompt = "The king", .max_new_tokens = 1, .temperature = 2, .top_k = 4, .seed = seed});
    std::map<token_id, double> share;
    for (const auto& each : ask_all(*model, std::move(all)))
        share[std::get<generation_result>(each.value()).ids.at(0)] += 1.0 / many;
    double total = 0;
    const auto mass = [&](std::size_t i) {
        return std::exp(static_cast<double>(slice.logprobs[i]) / 2);
    };
    for (std::size_t i = 0; i != 4; ++i)
        total += mass(i);
    for (std::size_t i = 0; i != 4; ++i) {
        const double p = mass(i) / total;
        BOOST_TEST(std::abs(share[slice.token_ids[i]] - p) <= 4 * std::sqrt(p * (1 - p) / many));
    }
}

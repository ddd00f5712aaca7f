// When an adapter that is written to is judged, and what of two reports differs.

#include "warmctl/difference.hpp"
#include "warmctl/suite_watch.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::ctl;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_change_is_judged_once_after_it_has_been_still)
{
    settled_change change(2s);
    const settled_change::clock::time_point start{};
    BOOST_TEST(!change.look("", start));
    BOOST_TEST(!change.look("a", start + 10s));
    BOOST_TEST(!change.look("b", start + 11s)); // is still written to
    BOOST_TEST(!change.look("b", start + 12s));
    BOOST_TEST(change.look("b", start + 13s));
    BOOST_TEST(!change.look("b", start + 14s)); // once
    BOOST_TEST(!change.look("", start + 20s));  // it is being replaced
    BOOST_TEST(!change.look("c", start + 21s));
    BOOST_TEST(change.look("c", start + 23s));
    BOOST_TEST(!change.look("b", start + 24s));
    BOOST_TEST(change.look("b", start + 26s)); // back again
}

BOOST_AUTO_TEST_CASE(a_directory_looks_otherwise_when_a_file_of_it_does)
{
    const test::scratch_directory place;
    BOOST_TEST(look_of(place.path / "none") == "");
    test::write_file(place.path / "a", "1");
    const std::string first = look_of(place.path);
    BOOST_TEST(first == look_of(place.path));
    test::write_file(place.path / "a", "12");
    BOOST_TEST(first != look_of(place.path));
}

BOOST_AUTO_TEST_CASE(the_newest_results_are_kept)
{
    const test::scratch_directory place;
    for (const char* name :
         {"gate-2026-01-02.json", "gate-2026-01-01.json", "gate-2026-01-03.json", "another.json"})
        test::write_file(place.path / name, "{}");
    keep_results(place.path, 2);
    BOOST_TEST(!std::filesystem::exists(place.path / "gate-2026-01-01.json"));
    for (const char* name : {"gate-2026-01-02.json", "gate-2026-01-03.json", "another.json"})
        BOOST_TEST(std::filesystem::exists(place.path / name));
}

BOOST_AUTO_TEST_CASE(samples_of_the_same_prompts_are_compared_in_pairs)
{
    reports::probe a{.name = "effect", .kind = "delta_kl", .verdict = "pass", .score = 0.9};
    reports::probe b = a;
    BOOST_TEST(!paired(a, b).has_value());
    a.evidence = {{"per_prompt", {1.0, 2.0, 3.0}}};
    b.evidence = {{"per_prompt", {1.5, 2.5, 3.5}}};
    const auto found = paired(a, b);
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST(found->prompts == 3U);
    BOOST_TEST(found->mean == 0.5);
    BOOST_TEST(found->low.value() == 0.5); // all are equal
    b.evidence = {{"per_prompt", {1.5}}};
    BOOST_TEST(!paired(a, b).has_value());
}

BOOST_AUTO_TEST_CASE(a_score_that_falls_has_regressed)
{
    const auto report_with = [](double score, const char* verdict) {
        reports::report of;
        of.probes = {{.name = "effect", .kind = "k", .verdict = verdict, .score = score}};
        return of;
    };
    const auto said = [&](double score, std::optional<double> allowed = {}) {
        return difference(report_with(0.9, "pass"), report_with(score, "pass"), allowed, false);
    };
    BOOST_TEST(said(0.85).text.find("REGRESSED") == std::string::npos);
    BOOST_TEST(said(0.75).text.find("  REGRESSED") != std::string::npos);
    BOOST_TEST(said(0.65).text.find("BADLY REGRESSED") != std::string::npos);
    BOOST_TEST(!said(0.65).regressed); // nobody said what is allowed
    BOOST_TEST(said(0.65, 0.2).regressed);
    BOOST_TEST(!said(0.65, 0.3).regressed);
    BOOST_TEST(difference(report_with(0.9, "pass"), report_with(0.9, "fail"), {}, false).regressed);
}

// Names of models, and the views that they end in.

#include "model/model_name.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace warmd;

namespace {

constexpr view base{.what = view::mode::base};
view scaled(double scale) { return {.what = view::mode::scaled, .scale = scale}; }
view null(std::uint64_t seed) { return {.what = view::mode::null, .seed = seed}; }

bool means(std::string_view text, std::string_view model, const std::optional<view>& through)
{
    const model_name name = parse_model_name(text);
    return name.model == model && name.through == through;
}

const named_models configured{{"verses", {.base = "/m", .adapter = "/a"}},
                              {"verses:base", {.base = "/other"}},
                              {"v@2", {.base = "/two"}}};

} // namespace

BOOST_AUTO_TEST_CASE(a_name_ends_in_a_view_or_in_none)
{
    BOOST_TEST(means("verses", "verses", {}));
    BOOST_TEST(means("verses:base", "verses", base));
    BOOST_TEST(means("verses@0.5", "verses", scaled(0.5)));
    BOOST_TEST(means("verses@-1e-3", "verses", scaled(-0.001)));
    BOOST_TEST(means("verses:null-1000", "verses", null(1000)));
    BOOST_TEST(means("verses:null-18446744073709551615", "verses",
                     null(std::numeric_limits<std::uint64_t>::max())));
    BOOST_TEST(means("/srv/a@b:c/model:base", "/srv/a@b:c/model", base));
    BOOST_TEST(means("verses@1:base", "verses@1", base)); // one view, the last
    BOOST_TEST(means(":base", "", base));
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_a_view_belongs_to_the_name)
{
    for (const char* whole : {"verses:",         "verses@",
                              "verses:Base",     "verses:ft",
                              "verses:basement", "verses:base ",
                              "verses:null",     "verses:null-",
                              "verses:null--1",  "verses:null-1.5",
                              "verses:null-x",   "verses:null-18446744073709551616",
                              "verses@nan",      "verses@inf",
                              "verses@1e999",    "verses@+1",
                              "verses@ 1",       "verses@1x",
                              "verses@0x1",      "a:base/b",
                              "a@1/b",           ""})
        BOOST_TEST(means(whole, whole, {}), whole);
}

BOOST_AUTO_TEST_CASE(a_configured_name_is_meant_as_it_stands_before_it_is_taken_apart)
{
    const auto base_of = [](std::string_view text) {
        return find_model(text, configured).value().spec.base;
    };
    BOOST_TEST(base_of("verses") == "/m");
    BOOST_TEST(base_of("verses:base") == "/other");
    BOOST_TEST(!find_model("verses:base", configured).value().through.has_value());
    BOOST_TEST(base_of("v@2") == "/two");
    BOOST_TEST(base_of("v@2@0.5") == "/two");
    const named_model half = find_model("verses@0.5", configured).value();
    BOOST_TEST((half.through == scaled(0.5)));
    BOOST_TEST((half.spec == configured.at("verses")));
}

BOOST_AUTO_TEST_CASE(an_absolute_path_needs_no_name)
{
    const named_model named = find_model("/srv/tuned:null-7", {}).value();
    BOOST_TEST((named.spec == model_spec{.base = "/srv/tuned"}));
    BOOST_TEST((named.through == null(7)));
    using namespace std::literals;
    BOOST_TEST((find_model("/srv/a\0b"sv, {}).error().code == errc::invalid_params));
}

BOOST_AUTO_TEST_CASE(what_names_no_model_is_not_found_whatever_it_ends_in)
{
    for (const char* unknown : {"", ":base", "other", "other:base", "org/name", "./model", "v@3"}) {
        const auto found = find_model(unknown, configured);
        BOOST_REQUIRE(!found.has_value());
        BOOST_TEST((found.error().code == errc::not_found), unknown);
        BOOST_TEST(found.error().detail.find("names v@2, verses, verses:base") != std::string::npos,
                   found.error().detail);
    }
}

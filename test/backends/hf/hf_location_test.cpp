// Where models are found: adapters that name their base.

#include "hf/model_location.hpp"

#include "support/demo_model.hpp"
#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>

using namespace warmd;
using namespace warmd::hf;
namespace fs = std::filesystem;

namespace {

/// adapter/, model/ and a hub cache with org/name, two revisions of it.
struct place {
    place()
    {
        fs::create_directories(adapter);
        fs::create_directories(model);
        test::write_file(model / "config.json", "{}");
        for (const char* commit : {"1111", "2222"})
            fs::create_directories(repository / "snapshots" / commit);
        fs::create_directories(repository / "refs");
        test::write_file(repository / "refs/main", "1111");
        test::write_file(repository / "refs/v2", "2222");
        ::setenv("HF_HUB_CACHE", (root / "hub").c_str(), 1);
    }
    ~place() { ::unsetenv("HF_HUB_CACHE"); }

    result<model_location> locate(const std::string& config, const file_rules& rules = {}) const
    {
        test::write_file(adapter / "adapter_config.json", config);
        return hf::locate({.base = adapter}, rules);
    }
    result<model_location> named(const std::string& base, const file_rules& rules = {}) const
    {
        return locate(R"({"base_model_name_or_path":")" + base + "\"}", rules);
    }
    std::string base(const std::string& written) const { return named(written).value().base; }

    test::scratch_directory scratch;
    fs::path root = fs::canonical(scratch.path), adapter = root / "adapter", model = root / "model",
             repository = root / "hub/models--org--name";
};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_adapters_directory_is_that_adapter_on_the_base_that_it_names, place)
{
    BOOST_TEST(base(model) == model);
    BOOST_TEST(base("../model") == model);
    BOOST_TEST(base("./../model/") == model);
    BOOST_TEST(base("org/name") == repository / "snapshots/1111");
    BOOST_TEST(named("org/name").value().adapter.value() == adapter);
    fs::create_directories(adapter / "org/name"); // beside the file comes before the cache
    BOOST_TEST(base("org/name") == adapter / "org/name");
}

BOOST_FIXTURE_TEST_CASE(the_revision_is_that_of_an_id, place)
{
    const std::string revision = R"(,"revision":"v2"})";
    const auto by_id = locate(R"({"base_model_name_or_path":"org/name")" + revision).value();
    BOOST_TEST(by_id.base == repository / "snapshots/2222");
    BOOST_TEST(by_id.revision.value() == "v2");
    const auto by_path = locate(R"({"base_model_name_or_path":"../model")" + revision).value();
    BOOST_TEST(!by_path.revision.has_value());
}

BOOST_FIXTURE_TEST_CASE(it_is_elsewhere_once_any_file_that_led_there_changes, place)
{
    const auto depends = [](const model_location& on, const fs::path& path) {
        return std::count(on.depends_on.begin(), on.depends_on.end(), path) != 0;
    };
    const model_location found = named("org/name").value();
    for (const fs::path& each : {adapter, adapter / "adapter_config.json", adapter / "config.json",
                                 repository / "refs/main", repository / "snapshots/1111"})
        BOOST_TEST(depends(found, each), each);
    fs::remove(adapter / "adapter_config.json");
    const model_location bare = hf::locate({.base = adapter}, {}).value();
    BOOST_TEST((bare.base == adapter && !bare.adapter));
    BOOST_TEST(depends(bare, adapter / "adapter_config.json"));
}

BOOST_FIXTURE_TEST_CASE(a_base_with_its_own_configuration_and_a_given_adapter_stay_what_they_are,
                        place)
{
    test::write_file(adapter / "config.json", "{}");
    const model_location merged = named("../model").value();
    BOOST_TEST((merged.base == adapter && !merged.adapter));
    fs::remove(adapter / "config.json");
    const model_location both = hf::locate({.base = adapter, .adapter = adapter}, {}).value();
    BOOST_TEST((both.base == adapter && both.adapter == adapter.native()));
}

BOOST_FIXTURE_TEST_CASE(an_adapter_whose_base_cannot_be_found_says_what_it_names, place)
{
    const auto refusal = [&](const result<model_location>& found, errc code,
                             const std::string& part) {
        BOOST_REQUIRE(!found.has_value());
        BOOST_TEST((found.error().code == code), found.error().detail);
        BOOST_TEST(found.error().detail.find((adapter / "adapter_config.json: ").native()) !=
                   std::string::npos);
        BOOST_TEST(found.error().detail.find(part) != std::string::npos, found.error().detail);
    };
    const std::string member = "base_model_name_or_path";
    refusal(locate("{}"), errc::load_failed, member + " must be a string, but is missing");
    refusal(locate(R"({"base_model_name_or_path":7})"), errc::load_failed, "found 7");
    refusal(named(""), errc::load_failed, member + " must be a base's path or id");
    refusal(named(R"(..\u0000/model)"), errc::load_failed, member);
    refusal(named("../nothing"), errc::not_found, "nothing' is no directory");
    refusal(named("/no/such/model"), errc::not_found, "'/no/such/model' is no directory");
    refusal(named("org/other"), errc::not_found, "'org/other' is not in the local Hugging Face");
    refusal(named("a/b/c"), errc::load_failed, "'a/b/c' is neither");
    refusal(locate("[]"), errc::load_failed, "");
}

BOOST_FIXTURE_TEST_CASE(an_adapter_on_another_base_than_it_names_is_told_by_both_names, place)
{
    const auto told = [&](const std::string& names, const fs::path& base) {
        test::write_file(adapter / "adapter_config.json",
                         R"({"base_model_name_or_path":")" + names + "\"}");
        return named_otherwise(adapter, base, {}).value_or("");
    };
    BOOST_TEST(told("../model", model) == "");
    BOOST_TEST(told(model, model) == "");
    BOOST_TEST(told("org/name", repository / "snapshots/1111") == "");
    BOOST_TEST(told("org/model-bnb-4bit", model) == ""); // the same, quantized for training
    const std::string other = told("org/name", model);
    BOOST_TEST(other.find("names 'org/name'") != std::string::npos);
    BOOST_TEST(other.ends_with("it is used on " + model.native()));
    fs::remove(adapter / "adapter_config.json");
    BOOST_TEST(!named_otherwise(adapter, model, {}).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_base_that_no_file_may_lead_to_is_refused_whether_or_not_it_is_there,
                        place)
{
    const file_rules within{[this](int descriptor) {
        const fs::path opened = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor));
        return opened.native().starts_with(adapter.native());
    }};
    for (const char* outside : {"../model", "../nothing", "/etc", "org/../../model"}) {
        const auto found = named(outside, within);
        BOOST_REQUIRE(!found.has_value());
        BOOST_TEST((found.error().code == errc::permission_denied), found.error().detail);
    }
    fs::create_directory_symlink(model, adapter / "link");
    BOOST_TEST((named("link", within).error().code == errc::permission_denied));
    fs::create_directories(adapter / "own");
    BOOST_TEST(named("./own", within).value().base == adapter / "own");
}

BOOST_AUTO_TEST_CASE(an_adapter_by_its_directory_is_the_model_that_a_spec_with_both_is)
{
    const loader by = hf_loader();
    const resolved_model alone = by.resolve(spec_of(demo / "adapter"), {}).value(),
                         both = by.resolve(spec_of(demo / "model", demo / "adapter"), {}).value();
    BOOST_TEST((alone.key == both.key && alone.files == both.files));
    BOOST_TEST((alone.spec == both.spec));
}

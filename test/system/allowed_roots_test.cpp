// Models come from beneath the allowed directories only, whatever symbolic links say, and whenever.

#include "hf/hf_loader.hpp"
#include "system/allowed_roots.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

using namespace warmd;
namespace fs = std::filesystem;

namespace {

const fs::path demo = fs::path(WARMD_TEST_DATA) / "demo";

/// /allowed and /elsewhere, each with a copy of the demo model.
struct place {
    place()
    {
        for (const fs::path& each : {allowed, elsewhere}) {
            fs::create_directories(each);
            fs::copy(demo, each, fs::copy_options::recursive);
        }
    }
    result<std::unique_ptr<backend>> load(const resolved_model& model) const
    {
        load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
        return limited.load(model, context);
    }
    std::optional<errc> refusal(const model_spec& spec) const
    {
        const auto resolved = limited.resolve(spec, {});
        return resolved ? std::nullopt : std::optional(resolved.error().code);
    }

    test::scratch_directory scratch;
    fs::path allowed = fs::canonical(scratch.path) / "allowed",
             elsewhere = fs::canonical(scratch.path) / "elsewhere";
    loader limited = limited_to({allowed}, hf::hf_loader());
};

} // namespace

BOOST_AUTO_TEST_CASE(a_path_is_beneath_a_root_by_whole_components)
{
    const std::vector<std::string> roots{"/srv/models", "/opt"};
    for (const char* path : {"/srv/models", "/srv/models/a", "/opt/a/b"})
        BOOST_TEST(beneath(roots, path), path);
    for (const char* path : {"/srv/models2", "/srv", "/", "", "/optional/a", "srv/models/a"})
        BOOST_TEST(!beneath(roots, path), path);
    BOOST_TEST(beneath({"/"}, "/anything"));
}

BOOST_FIXTURE_TEST_CASE(what_is_beneath_an_allowed_root_loads, place)
{
    const auto model =
        limited.resolve({.base = allowed / "model", .adapter = allowed / "adapter"}, {});
    BOOST_REQUIRE(model.has_value());
    const auto loaded = load(*model);
    BOOST_TEST(loaded.has_value(), (loaded ? "" : loaded.error().detail));
}

BOOST_FIXTURE_TEST_CASE(what_is_elsewhere_is_refused_whether_or_not_it_exists, place)
{
    for (const fs::path& base : {elsewhere / "model", elsewhere / "nothing",
                                 allowed / ".." / "elsewhere" / "model", fs::path("/etc")})
        BOOST_TEST((refusal({.base = base}) == errc::permission_denied), base);
    BOOST_TEST((refusal({.base = allowed / "model", .adapter = elsewhere / "adapter"}) ==
                errc::permission_denied));
    BOOST_TEST((refusal({.base = allowed / "nothing"}) == errc::not_found));
}

BOOST_FIXTURE_TEST_CASE(a_symbolic_link_out_of_the_root_is_refused_and_one_within_is_not, place)
{
    fs::create_directory_symlink(elsewhere / "model", allowed / "out");
    fs::create_directory_symlink(allowed / "model", elsewhere / "in");
    BOOST_TEST((refusal({.base = allowed / "out"}) == errc::permission_denied));
    BOOST_TEST(!refusal({.base = elsewhere / "in"}));
}

BOOST_FIXTURE_TEST_CASE(an_adapter_may_name_a_base_beneath_the_roots_only, place)
{
    const fs::path file = allowed / "adapter/adapter_config.json";
    const auto naming = [&](const fs::path& base) {
        test::write_file(file, R"({"base_model_name_or_path":")" + base.native() + "\"}");
        return refusal({.base = allowed / "adapter"});
    };
    BOOST_TEST(!naming("../model"));
    for (const fs::path& base : {elsewhere / "model", elsewhere / "nothing",
                                 fs::path("../../elsewhere/model"), fs::path("/etc")})
        BOOST_TEST((naming(base) == errc::permission_denied), base);
    fs::create_directory_symlink(elsewhere / "model", allowed / "out");
    BOOST_TEST((naming("../out") == errc::permission_denied));
}

BOOST_FIXTURE_TEST_CASE(a_file_that_is_a_link_out_of_the_root_is_not_read, place)
{
    for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"}) {
        const fs::path here = allowed / "model" / file;
        fs::rename(here, here.string() + ".kept");
        fs::create_symlink(elsewhere / "model" / file, here);
        const auto model = limited.resolve({.base = allowed / "model"}, {});
        BOOST_REQUIRE(model.has_value());
        const auto loaded = load(*model);
        BOOST_REQUIRE(!loaded.has_value());
        BOOST_TEST(loaded.error().detail.find(
                       "leads out of the directories that models may be loaded from") !=
                       std::string::npos,
                   loaded.error().detail);
        fs::remove(here);
        fs::rename(here.string() + ".kept", here);
    }
}

BOOST_FIXTURE_TEST_CASE(a_link_swapped_in_after_the_check_is_refused_by_the_opened_file, place)
{
    const auto model = limited.resolve({.base = allowed / "model"}, {}); // the check
    BOOST_REQUIRE(model.has_value());
    fs::rename(allowed / "model", allowed / "kept");
    fs::create_directory_symlink(elsewhere / "model",
                                 allowed / "model"); // the same content: only the place is wrong
    bool asked = false, admitted = false;
    const loader by = limited_to(
        {allowed},
        {[](const model_spec&, const file_rules&) -> result<resolved_model> {
             return resolved_model{};
         },
         [&](const resolved_model& what, load_context& with) -> result<std::unique_ptr<backend>> {
             const int file =
                 ::open((what.spec.base + "/config.json").c_str(), O_RDONLY | O_CLOEXEC);
             asked = file >= 0;
             admitted = with.rules.admit(file);
             ::close(file);
             return failure{errc::load_failed, ""};
         }});
    load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
    BOOST_TEST(!by.load(*model, context));
    BOOST_TEST(asked);
    BOOST_TEST(!admitted);
    BOOST_TEST(!load(*model).has_value()); // nor does the real one
}

BOOST_AUTO_TEST_CASE(without_roots_nothing_is_limited)
{
    const loader any = limited_to({}, hf::hf_loader());
    BOOST_TEST(any.resolve({.base = demo / "model"}, {}).has_value());
}

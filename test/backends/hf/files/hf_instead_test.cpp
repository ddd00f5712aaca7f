// What is said of a place that has no model: what stands there instead, and what to do.

#include "hf/files/input_file.hpp"
#include "hf/files/instead.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::hf;
namespace fs = std::filesystem;

namespace {

struct place {
    test::scratch_directory scratch;
    fs::path root = fs::canonical(scratch.path);

    void says(const std::string& missing, const std::string& part) const
    {
        const auto opened = input_file::open(root / missing);
        BOOST_REQUIRE(!opened.has_value());
        BOOST_TEST((opened.error().code == errc::load_failed));
        BOOST_TEST(opened.error().detail.find("No such file or directory") != std::string::npos);
        BOOST_TEST(opened.error().detail.find(part) != std::string::npos, opened.error().detail);
    }
    void add(const fs::path& file, const std::string& text = "{}") const
    {
        fs::create_directories((root / file).parent_path());
        test::write_file(root / file, text);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_runs_directory_is_told_from_its_last_checkpoint, place)
{
    add("checkpoint-60/adapter_config.json");
    add("checkpoint-500/adapter_config.json");
    says("config.json", "checkpoint-500 looks like a model's directory");
    add("checkpoint-60/config.json");
    says("config.json", "checkpoint-60 looks like a model's directory");
}

BOOST_FIXTURE_TEST_CASE(other_forms_of_a_model_are_named_with_what_to_do, place)
{
    says("tokenizer.json", "the base's repository has one");
    add("tokenizer.model");
    says("tokenizer.json", "there is tokenizer.model: python3 -c");
    says("config.json", "No such file or directory"); // and nothing to add
    add("weights.Q8_0.gguf");
    says("config.json", "there is weights.Q8_0.gguf, a GGUF file");
    says("model.safetensors", "there is weights.Q8_0.gguf, a GGUF file");
    add("adapter_config.json");
    says("config.json", "it is a LoRA adapter's directory");
}

BOOST_FIXTURE_TEST_CASE(a_file_in_the_place_of_a_directory_is_told_by_its_beginning, place)
{
    BOOST_TEST(what_is_no_directory(root / "nothing", {}) == "there is nothing of that name");
    add("model.gguf", "GGUF\3");
    BOOST_TEST(what_is_no_directory(root / "model.gguf", {}).starts_with("it is a GGUF file"));
    add("model.safetensors", "GG");
    BOOST_TEST(what_is_no_directory(root / "model.safetensors", {}) ==
               "it is a file: give the directory that it is in");
}

BOOST_FIXTURE_TEST_CASE(a_note_of_git_lfs_is_no_file_of_a_model, place)
{
    const std::string note(lfs_pointer);
    add("model.safetensors", note + "v1\noid sha256:4d7a\nsize 12345\n");
    const auto opened = input_file::open(root / "model.safetensors");
    BOOST_REQUIRE(!opened.has_value());
    BOOST_TEST(opened.error().detail.find("git lfs pull") != std::string::npos);
    add("short", note.substr(0, 20));
    add("long", note + std::string(2000, 'x'));
    BOOST_TEST(input_file::open(root / "short").has_value());
    BOOST_TEST(input_file::open(root / "long").has_value());
}

BOOST_FIXTURE_TEST_CASE(nothing_is_told_of_a_directory_that_rules_do_not_admit, place)
{
    add("checkpoint-500/config.json");
    add("model.gguf", "GGUF");
    const file_rules nothing{[](int) { return false; }};
    BOOST_TEST(hint_about_missing(root / "config.json", nothing) == "");
    BOOST_TEST(what_is_no_directory(root / "model.gguf", nothing) == "it is something else");
}

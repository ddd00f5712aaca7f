// What a newcomer types first: mistakes are told with what to do about them, and what is meant
// works.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace warmd;
using test::place, test::running, test::words, test::program_input, test::program_result;
namespace fs = std::filesystem;

namespace {

const fs::path demo = fs::path(WARMD_TEST_DATA) / "demo";
const std::string model = demo / "model", adapter = demo / "adapter";

std::string text_of(const fs::path& file)
{
    std::ifstream from(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(from), {}};
}

struct newcomer {
    place here;
    running daemon{here.socket};
    test::scratch_directory home;

    newcomer() { BOOST_TEST_REQUIRE(!daemon.line_with("ready").empty()); }
    ~newcomer()
    {
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }
    program_result types(words typed, std::string in = {}) const
    {
        program_input input{.words = std::move(typed), .in = std::move(in)};
        input.words.insert(input.words.begin(), {WARMCTL, "--socket", here.socket});
        input.directory = home.path;
        input.environment = {"HOME=" + home.path.native()};
        return test::program(input).result();
    }
    void is_told(const words& typed, const std::string& part, int status = 1) const
    {
        const program_result said = types(typed);
        BOOST_TEST(said.status == status, said.err);
        BOOST_TEST(said.err.find(part) != std::string::npos, said.err);
    }
    void copy(const std::string& name, const std::string& file) const
    {
        fs::create_directories(home.path / name);
        fs::copy(fs::path(model) / file, home.path / name / file);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_adapter_by_its_path_alone_is_enough, newcomer)
{
    const program_result said = types({"kl", "-a", adapter, "The king said"});
    BOOST_TEST(said.status == 0, said.err);
    BOOST_TEST(said.out.find("\"The king said\"") != std::string::npos, said.out);
    BOOST_TEST(types({"kl", "-m", model, "-a", adapter, "The king said"}).out == said.out);
}

BOOST_FIXTURE_TEST_CASE(mistakes_with_paths_and_models_say_what_was_found_and_what_to_do, newcomer)
{
    test::write_file(home.path / "model.gguf", "GGUF\3");
    is_told({"perplexity", "-m", "./model.gguf", "x"},
            "it is a GGUF file, which this kind does not");
    is_told({"perplexity", "-m", "./nothing", "x"}, "there is nothing of that name");
    is_told({"perplexity", "-m", model, "-a", "./nothing", "x"}, "model.adapter");
    is_told({"perplexity", "-m", model + "/model.safetensors", "x"},
            "it is a file: give the directory that it is in");
    is_told({"perplexity", "-m", adapter, "-a", adapter, "x"}, "it is a LoRA adapter's directory");
    is_told({"kl", "-m", model, "x"}, "both views are the base", 2);
    is_told({"perplexity", "x"}, "-a DIR alone an adapter, on the base that it names", 2);
    is_told({"perplexity", "-m", "org/name", "x"}, "'hf download org/name' gets it");
}

BOOST_FIXTURE_TEST_CASE(directories_that_are_no_models_say_what_is_missing, newcomer)
{
    fs::create_directories(home.path / "run/checkpoint-500");
    fs::copy(fs::path(adapter) / "adapter_config.json",
             home.path / "run/checkpoint-500/adapter_config.json");
    is_told({"perplexity", "-m", "./run", "x"},
            "run/checkpoint-500 looks like a model's directory");

    copy("words", "config.json");
    copy("words", "model.safetensors");
    is_told({"perplexity", "-m", "./words", "x"}, "the base's repository has one");

    for (const char* file : {"config.json", "tokenizer.json"})
        copy("pickled", file);
    test::write_file(home.path / "pickled/pytorch_model.bin", "PK");
    is_told({"perplexity", "-m", "./pickled", "x"}, "is a pickle, which is not read");

    for (const char* file : {"config.json", "tokenizer.json"})
        copy("pointer", file);
    test::write_file(home.path / "pointer/model.safetensors",
                     "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
    is_told({"perplexity", "-m", "./pointer", "x"}, "'git lfs pull' in its directory gets it");

    copy("other", "tokenizer.json");
    test::write_file(home.path / "other/config.json",
                     R"({"model_type":"rwkv","architectures":["RwkvForCausalLM"]})");
    is_told({"perplexity", "-m", "./other", "x"}, "model_type rwkv (known are ");
}

BOOST_FIXTURE_TEST_CASE(an_adapter_on_another_base_than_its_own_is_told_of, newcomer)
{
    fs::copy(adapter, home.path / "tuned", fs::copy_options::recursive);
    std::string config = text_of(home.path / "tuned/adapter_config.json");
    config.replace(config.find("../model"), 8, "org/quite-another");
    test::write_file(home.path / "tuned/adapter_config.json", config);
    const program_result loaded = types({"load", "-m", model, "-a", "./tuned"});
    BOOST_TEST(loaded.status == 0, loaded.err);
    BOOST_TEST(loaded.out.find("names 'org/quite-another' as its base") != std::string::npos,
               loaded.out);
}

BOOST_FIXTURE_TEST_CASE(texts_of_two_views_stand_beside_each_other_and_a_chat_goes_on, newcomer)
{
    const program_result both =
        types({"compare-generate", "-a", adapter, "--max-new-tokens", "4", "The king said"});
    BOOST_TEST(both.status == 0, both.err);
    BOOST_TEST(both.out.find("base:\n") == 0U, both.out);
    BOOST_TEST(both.out.find("\n\nft:\n") != std::string::npos, both.out);

    fs::copy(model, home.path / "talker", fs::copy_options::recursive);
    test::write_file(home.path / "talker/chat_template.jinja",
                     "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
    const auto turns = [&](const std::string& typed) {
        return types({"chat", "-m", "./talker", "-a", adapter, "--max-new-tokens", "3", "--system",
                      "Be brief."},
                     typed);
    };
    const program_result talk = turns("hello\n/view base\nonce more\n/what\n/quit\nnot said\n");
    BOOST_TEST(talk.status == 0, talk.err);
    BOOST_TEST(talk.err.find("/clear: begin again") != std::string::npos, talk.err);
    const std::string first = turns("hello\n").out;
    BOOST_TEST(!first.empty());
    BOOST_TEST(talk.out.starts_with(first));
    BOOST_TEST(turns("/clear\nhello\n").out != "");
    BOOST_TEST(turns("/view sideways\n").err.find("--view must be base, ft") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_daemon_is_started_for_who_wants_one_and_goes_on)
{
    const test::scratch_directory home;
    const std::string socket = (home.path / "w.sock").native();
    const auto types = [&](words typed) {
        program_input input{.words = std::move(typed)};
        input.words.insert(input.words.begin(), {WARMCTL, "--socket", socket});
        input.environment = {"HOME=" + home.path.native(), "XDG_STATE_HOME="};
        return test::program(input).result();
    };
    BOOST_TEST(types({"health"}).status == 3);
    const program_result first = types({"--start", "health"});
    BOOST_TEST(first.status == 0, first.err);
    BOOST_TEST(types({"doctor"}).out.find("daemon") != std::string::npos);
    BOOST_TEST(types({"--start", "health"}).status == 0); // the same
    BOOST_TEST(fs::exists(home.path / ".local/state/warmd/warmd.log"));
    BOOST_TEST(types({"call", "shutdown"}).status == 0);

    const std::string nowhere = (home.path / "no/such/place/w.sock").native();
    program_input input{.words = {WARMCTL, "--start", "--socket", nowhere, "health"}};
    input.environment = {"HOME=" + home.path.native(), "XDG_STATE_HOME="};
    const program_result refused = test::program(input).result();
    BOOST_TEST(refused.status == 3);
    BOOST_TEST(refused.err.find("ended at once: ") != std::string::npos, refused.err);
}

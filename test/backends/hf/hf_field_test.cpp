// Files as they are found in the field, which gave wrong numbers in silence.

#include "hf/compute/processor.hpp"
#include "hf/files/checkpoint.hpp"
#include "support/hf_model.hpp"
#include "support/scratch.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// A copy of a model of the test data, to be changed.
struct copied_model {
    test::scratch_directory scratch;
    std::filesystem::path directory = scratch.path / "model";

    explicit copied_model(const std::string& name)
    {
        std::filesystem::copy(test_data / "fixtures" / name / "model", directory);
    }
    void set(const std::string& member, const json::value& value) const
    {
        json::object config = read_json_file(directory / "config.json").as_object();
        config[member] = value;
        test::write_file(directory / "config.json", json::serialize(config));
    }
    std::vector<float> logprobs() const
    {
        const auto model = load_model(directory);
        return ask<scored_texts>(*model, rolling_logprob{{}, {"The quick brown fox jumps"}})
            .results.at(0)
            .value()
            .logprobs;
    }
};

std::vector<float> logprobs_of(const std::string& name) { return copied_model(name).logprobs(); }

/// An index of shards that are no more.
constexpr const char* old_index =
    R"({"weight_map":{"model.norm.weight":"model-00001-of-00001.safetensors"}})";

} // namespace

BOOST_AUTO_TEST_CASE(a_head_that_differs_is_used_though_the_configuration_says_it_is_tied)
{
    const copied_model merged("mistral-mini"); // whose head is not its embedding
    merged.set("tie_word_embeddings", true);
    BOOST_TEST((merged.logprobs() == logprobs_of("mistral-mini")));
}

BOOST_AUTO_TEST_CASE(a_tied_model_without_a_head_still_takes_its_embedding)
{
    const copied_model untied("qwen2-mini");
    untied.set("tie_word_embeddings", false);
    const auto loaded = load_with(hf_loader(), spec_of(untied.directory));
    BOOST_REQUIRE(loaded.has_error());
    BOOST_TEST(loaded.error().detail.find("lm_head.weight is missing") != std::string::npos);
    BOOST_TEST(!logprobs_of("qwen2-mini").empty());
}

BOOST_AUTO_TEST_CASE(a_single_file_counts_before_an_old_index_beside_it_and_that_is_said)
{
    const copied_model updated("mistral-mini");
    test::write_file(updated.directory / "model.safetensors.index.json", old_index);
    std::vector<std::string> said;
    BOOST_REQUIRE(load_with(hf_loader(), spec_of(updated.directory), &said).has_value());
    BOOST_REQUIRE(said.size() == 1u);
    BOOST_TEST(said[0].find("model.safetensors.index.json is not read") != std::string::npos);
    BOOST_TEST((updated.logprobs() == logprobs_of("mistral-mini")));
    BOOST_TEST((checkpoint::files_of(updated.directory) ==
                std::vector{updated.directory / "model.safetensors"}));
}

BOOST_AUTO_TEST_CASE(an_index_alone_is_read_and_what_it_names_must_be_there)
{
    const copied_model sharded("mistral-mini");
    std::filesystem::remove(sharded.directory / "model.safetensors");
    test::write_file(sharded.directory / "model.safetensors.index.json", old_index);
    const auto loaded = load_with(hf_loader(), spec_of(sharded.directory));
    BOOST_REQUIRE(loaded.has_error());
    BOOST_TEST(loaded.error().detail.find("model-00001-of-00001") != std::string::npos);
}

// The model is asked for in bf16, which the processor, or what oneDNN may use, has no instructions
// for: its weights are kept so, and widened as they are read.
BOOST_AUTO_TEST_CASE(bf16_without_instructions_for_it_is_kept_so_and_computed)
{
    if (has_bf16())
        BOOST_TEST_MESSAGE("bf16 can be computed here (hf_field_limited: where it cannot)");
    model_spec spec = spec_of(test_data / "fixtures/mistral-mini/model");
    const loader by = hf_loader();
    const auto kept = [&](const char* dtype) {
        spec.dtype = dtype;
        return load_with(by, spec).value()->bytes().all;
    };
    BOOST_TEST(kept("bf16") < kept("fp32"));
    spec.dtype = "bf16";
    BOOST_TEST(by.resolve(spec, {}).value().computes == "bf16");
    const auto model = load_with(by, spec).value();
    BOOST_TEST(!ask<scored_texts>(*model, rolling_logprob{{}, {"The quick brown fox"}})
                    .results.at(0)
                    .value()
                    .logprobs.empty());
}

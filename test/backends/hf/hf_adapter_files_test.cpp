// Adapters' files as the field has them: names that wrappers put into tensors, mlx-lm's form,
// tokenizers that do not fit, pickles.

#include "support/hf_model.hpp"
#include "support/scratch.hpp"
#include "support/tensor_file.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

using namespace warmd;
using namespace warmd::hf;
using test::tensor_file;

namespace {

const std::filesystem::path family = test_data / "families/peft-llama";

view null_view() { return {.what = view::mode::null, .seed = 5, .init_scale = 0.1}; }

/// What a loader says while it loads an adapter, and the adapter.
struct loaded {
    std::vector<std::string> said;
    result<std::unique_ptr<backend>> model;

    explicit loaded(const std::filesystem::path& adapter, const std::string& base = "model")
        : model(load_with(hf_loader(), spec_of(family / base, adapter), &said))
    {
    }
    loaded(const loaded&) = delete;
    loaded& operator=(const loaded&) = delete;

    std::vector<float> scores(const view& through = {}) const
    {
        return ask<scored_texts>(*model.value(),
                                 rolling_logprob{through, {"The quick brown fox jumps"}})
            .results.at(0)
            .value()
            .logprobs;
    }
};

/// A copy of an adapter, to be changed.
struct copied_adapter {
    test::scratch_directory scratch;
    std::filesystem::path directory = scratch.path / "adapter";

    explicit copied_adapter(const std::string& name)
    {
        std::filesystem::copy(family / "adapters" / name, directory);
    }
    void rename(const std::function<std::string(const std::string&)>& by) const
    {
        const auto file = directory / "adapter_model.safetensors";
        tensor_file renamed;
        for (auto& [name, tensor] : test::read_tensors(file))
            renamed[by(name)] = tensor;
        test::write_tensors(file, renamed);
    }
};

std::string replaced(std::string text, const std::string& what, const std::string& by)
{
    if (const auto at = text.find(what); at != std::string::npos)
        text.replace(at, what.size(), by);
    return text;
}

test::stored_tensor turned(const test::stored_tensor& tensor)
{
    const std::size_t rows = tensor.shape.at(0), columns = tensor.shape.at(1);
    const std::vector<float> values = tensor.values();
    std::vector<float> other(values.size());
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t c = 0; c != columns; ++c)
            other[c * rows + r] = values[r * columns + c];
    return test::tensor_of({columns, rows}, other);
}

/// The same adapter as mlx-lm would write it.
void write_as_mlx(const copied_adapter& adapter, const std::string& type, double scale)
{
    const std::string prefix = "base_model.model.";
    tensor_file own;
    for (const auto& [name, tensor] :
         test::read_tensors(adapter.directory / "adapter_model.safetensors")) {
        const std::string rest = name.substr(prefix.size());
        if (rest.ends_with(".lora_magnitude_vector"))
            own[replaced(rest, ".lora_magnitude_vector", ".m")] = tensor;
        else
            own[replaced(replaced(rest, ".lora_A.weight", ".lora_a"), ".lora_B.weight",
                         ".lora_b")] = turned(tensor);
    }
    std::filesystem::remove(adapter.directory / "adapter_model.safetensors");
    test::write_tensors(adapter.directory / "adapters.safetensors", own);
    test::write_file(adapter.directory / "adapter_config.json",
                     json::serialize(json::object{
                         {"fine_tune_type", type},
                         {"num_layers", -1},
                         {"lora_parameters", {{"rank", 4}, {"scale", scale}, {"dropout", 0.0}}}}));
}

void refused(const loaded& by, errc code, const std::string& word)
{
    BOOST_REQUIRE(by.model.has_error());
    BOOST_TEST((by.model.error().code == code), by.model.error().detail);
    BOOST_TEST((by.model.error().detail.find(word) != std::string::npos), by.model.error().detail);
}

} // namespace

BOOST_AUTO_TEST_CASE(what_wrappers_put_into_names_is_passed_over_and_said)
{
    const std::vector<float> expected = loaded(family / "adapters/dora").scores();
    const std::string prefix = "base_model.model.";
    for (const auto& [what, by] :
         {std::pair{prefix, prefix + "_orig_mod."},
          {prefix, "_fsdp_wrapped_module." + prefix},
          {prefix, "module." + prefix},
          {prefix, std::string()},
          {std::string("layers.0."), std::string("layers.0._checkpoint_wrapped_module.")},
          {std::string(".lora_A.weight"), std::string(".lora_A.sft.weight")}}) {
        const copied_adapter adapter("dora");
        adapter.rename(
            [what = what, by = by](const std::string& name) { return replaced(name, what, by); });
        const loaded model(adapter.directory);
        BOOST_TEST_CONTEXT(by)
        {
            BOOST_REQUIRE(model.said.size() == 1u);
            BOOST_TEST(model.said[0].find("was passed over") != std::string::npos);
            BOOST_TEST((model.scores() == expected));
        }
    }
    const copied_adapter older("dora");
    older.rename(
        [](const std::string& name) { return replaced(name, ".weight", ".default.weight"); });
    const loaded model(older.directory);
    BOOST_TEST(model.said.empty());
    BOOST_TEST((model.scores() == expected));
}

BOOST_AUTO_TEST_CASE(a_tensor_that_fits_nothing_is_refused_by_name)
{
    const copied_adapter other("dora");
    other.rename([](const std::string& name) { return replaced(name, "layers.0", "layers.7"); });
    refused(loaded(other.directory), errc::load_failed, "layers.7");
    const copied_adapter odd("dora");
    odd.rename([](const std::string& name) { return replaced(name, "lora_A", "lora_C"); });
    refused(loaded(odd.directory), errc::load_failed, "is not a LoRA factor");
    const copied_adapter full("mts-head");
    full.rename([](const std::string& name) { return replaced(name, "lm_head", "score"); });
    refused(loaded(full.directory), errc::load_failed, "score");
    const copied_adapter projection("mts-head");
    projection.rename([](const std::string& name) {
        return replaced(name, "lm_head", "model.layers.0.self_attn.o_proj");
    });
    refused(loaded(projection.directory), errc::load_failed, "modules_to_save");
}

BOOST_AUTO_TEST_CASE(an_adapter_that_resizes_one_end_of_the_model_is_refused_by_name)
{
    const copied_adapter grown("mts-both");
    const auto file = grown.directory / "adapter_model.safetensors";
    tensor_file tensors = test::read_tensors(file);
    test::stored_tensor& head = tensors.at("base_model.model.lm_head.weight");
    head = test::tensor_of({head.shape[0] + 1, head.shape[1]},
                           std::vector<float>((head.shape[0] + 1) * head.shape[1]));
    test::write_tensors(file, tensors);
    refused(loaded(grown.directory), errc::unsupported, "431 tokens, the base 430, and not both");
}

BOOST_DATA_TEST_CASE(mlx_adapters_have_the_bits_of_the_same_in_pefts_form,
                     boost::unit_test::data::make({"head", "dora"}), name)
{
    const loaded peft(family / "adapters" / name);
    const copied_adapter other(name);
    write_as_mlx(other, name == std::string("dora") ? "dora" : "lora", 2);
    const loaded mlx(other.directory);
    BOOST_TEST(mlx.said.empty());
    BOOST_TEST((mlx.scores() == peft.scores()));
    BOOST_TEST((mlx.scores(null_view()) == peft.scores(null_view())));
    BOOST_TEST((mlx.scores() != peft.scores(view{.what = view::mode::base})));
}

BOOST_AUTO_TEST_CASE(what_of_mlx_is_no_lora_is_refused_by_name)
{
    const copied_adapter full("head");
    write_as_mlx(full, "full", 2);
    refused(loaded(full.directory), errc::unsupported, "fine_tune_type");
}

BOOST_AUTO_TEST_CASE(a_tokenizer_that_does_not_fit_the_base_is_left_and_that_is_said)
{
    const loaded plain(family / "adapters/dora");
    for (const bool broken : {false, true}) {
        const copied_adapter adapter("dora");
        json::value own = read_json_file(family / "model/tokenizer.json");
        own.as_object()["added_tokens"].as_array().push_back({{"id", 5000},
                                                              {"content", "<|beyond|>"},
                                                              {"single_word", false},
                                                              {"lstrip", false},
                                                              {"rstrip", false},
                                                              {"normalized", false},
                                                              {"special", true}});
        test::write_file(adapter.directory / "tokenizer.json",
                         broken ? std::string("{") : json::serialize(own));
        const loaded model(adapter.directory);
        BOOST_REQUIRE(model.said.size() == 1u);
        BOOST_TEST(model.said[0].find("the base's tokenizer is used") != std::string::npos);
        BOOST_TEST(model.model.value()->now().tokenizer == "base");
        BOOST_TEST((model.scores() == plain.scores()));
    }
}

BOOST_AUTO_TEST_CASE(pickles_are_named_with_what_turns_them_into_what_is_read)
{
    const copied_adapter adapter("dora");
    std::filesystem::rename(adapter.directory / "adapter_model.safetensors",
                            adapter.directory / "adapter_model.bin");
    refused(loaded(adapter.directory), errc::unsupported, "adapter_model.bin is a pickle");
    const test::scratch_directory base;
    for (const char* const name : {"config.json", "tokenizer.json"})
        std::filesystem::copy(family / "model" / name, base.path / name);
    test::write_file(base.path / "pytorch_model.bin", "PK");
    const auto refusal = [&] { return load_with(hf_loader(), spec_of(base.path)).error(); };
    BOOST_TEST((refusal().code == errc::unsupported));
    BOOST_TEST(refusal().detail.find("pytorch_model.bin is a pickle") != std::string::npos);
    std::filesystem::rename(base.path / "tokenizer.json", base.path / "tokenizer.model");
    BOOST_TEST((refusal().code == errc::unsupported));
    BOOST_TEST(refusal().detail.find("tokenizer.model is not read") != std::string::npos);
}

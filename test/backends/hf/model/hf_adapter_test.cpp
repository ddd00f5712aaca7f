// adapter_config.json, and what of an adapter's files fits a base: what is read, what is refused.

#include "hf/files/json_place.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/model_config.hpp"
#include "support/scratch.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

result<adapter_config> adapter_of(const std::string& members)
{
    const test::scratch_directory scratch;
    test::write_file(scratch.path / "adapter_config.json",
                     R"({"peft_type":"LORA",)" + members + "}");
    return adapter_config::read(scratch.path);
}

void refused(const result<adapter_config>& read, errc code, const std::string& word)
{
    BOOST_REQUIRE(read.has_error());
    BOOST_TEST((read.error().code == code), read.error().detail);
    BOOST_TEST((read.error().detail.find(word) != std::string::npos), read.error().detail);
}

/// An adapter of test/data's Qwen3-MoE that says it has other target_modules.
result<adapter> retargeted(const std::string& name, const json::value& targets)
{
    const std::filesystem::path data = WARMD_TEST_DATA "/families/qwen3moe";
    const test::scratch_directory scratch;
    std::filesystem::copy(data / "adapters" / name, scratch.path);
    json::object said = read_json_object(scratch.path / "adapter_config.json").value();
    said["target_modules"] = targets;
    std::ofstream(scratch.path / "adapter_config.json") << json::serialize(said);
    return adapter::open(scratch.path, modules_of(read_model_config(data / "model").value()));
}

} // namespace

BOOST_AUTO_TEST_CASE(target_modules_is_a_list_of_endings_or_one_expression)
{
    const auto list = adapter_of(R"("r":4,"target_modules":["q_proj","mlp.up_proj"])").value();
    BOOST_TEST(list.targets("model.layers.0.self_attn.q_proj"));
    BOOST_TEST(list.targets("model.layers.0.mlp.up_proj"));
    BOOST_TEST(!list.targets("model.layers.0.self_attn.xq_proj"));
    const auto expression =
        adapter_of(R"("r":4,"target_modules":".*\\.mlp\\.(gate|up)_proj")").value();
    BOOST_TEST(expression.targets("model.layers.3.mlp.gate_proj"));
    BOOST_TEST(!expression.targets("model.layers.3.mlp.down_proj"));
    const auto some =
        adapter_of(R"("r":4,"target_modules":"all-linear","layers_to_transform":[1,11],)"
                   R"("exclude_modules":["k_proj"])")
            .value();
    BOOST_TEST(some.targets("model.layers.11.mlp.down_proj"));
    BOOST_TEST(!some.targets("model.layers.2.mlp.down_proj"));
    BOOST_TEST(!some.targets("model.layers.1.self_attn.k_proj"));
    const std::string expert = "model.layers.1.mlp.experts.5.up_proj"; // 5 is a layer to PEFT
    BOOST_TEST(!some.targets(expert));
    const auto of_layers =
        adapter_of(
            R"("target_modules":["up_proj"],"layers_to_transform":1,"layers_pattern":"layers")")
            .value();
    BOOST_TEST(of_layers.targets(expert));
}

// PEFT says the same of every layer by the kind it finds it to be.
BOOST_AUTO_TEST_CASE(how_the_base_stores_a_layer_is_not_the_adapters_to_say)
{
    for (const char* const said : {"true", "false"})
        BOOST_TEST(
            adapter_of(R"("target_modules":["c_attn"],"fan_in_fan_out":)" + std::string(said))
                .value()
                .targets("transformer.h.0.attn.c_attn"));
}

BOOST_AUTO_TEST_CASE(ranks_and_alphas_are_overridden_each_on_its_own)
{
    const auto config = adapter_of(
                            R"("r":6,"lora_alpha":12,"target_modules":"all-linear","rank_pattern":
        {"down_proj":3,"layers.1.self_attn.q_proj":8},
        "alpha_pattern":{"down_proj":9,"(gate|up)_proj":18})")
                            .value();
    BOOST_TEST(config.rank("model.layers.0.mlp.down_proj") == 3u);
    BOOST_TEST(config.scaling("model.layers.0.mlp.down_proj") == 3.0);
    BOOST_TEST(config.scaling("model.layers.0.mlp.up_proj") == 3.0);
    BOOST_TEST(config.scaling("model.layers.1.self_attn.q_proj") == 1.5);
    BOOST_TEST(config.rank("model.layers.0.self_attn.q_proj") == 6u);
    const auto stabilised =
        adapter_of(R"("r":16,"lora_alpha":8,"use_rslora":true,"target_modules":"all-linear")")
            .value();
    BOOST_TEST(stabilised.scaling("model.layers.0.mlp.up_proj") == 2.0);
}

BOOST_AUTO_TEST_CASE(adapters_that_peft_would_apply_otherwise_are_refused_by_name)
{
    const std::string sound = R"("target_modules":["q_proj"],)";
    for (const auto& [members, word] :
         {std::pair{R"("bias":"some")", "bias"},
          {R"("init_lora_weights":"pissa")", "pissa"},
          {R"("layer_replication":[[0,2]])", "layer_replication"},
          {R"("target_parameters":["experts.gate_up_proj"])", "target_parameters"},
          {R"("use_qalora":true)", "use_qalora"}})
        refused(adapter_of(sound + members), errc::unsupported, word);
    for (const char* const type : {"LOHA", "IA3", "PROMPT_TUNING", "PREFIX_TUNING", "ADALORA"})
        refused(adapter_of(sound + R"("peft_type":")" + type + '"'), errc::unsupported, type);
}

// An expression that backtracks for ever must not hang the load.
BOOST_AUTO_TEST_CASE(an_expression_of_exponential_cost_is_no_match)
{
    const auto config = adapter_of(R"("target_modules":"((a+)+)+b")").value();
    BOOST_TEST(!config.targets(std::string(60, 'a')));
    refused(adapter_of(R"("target_modules":"(unclosed")"), errc::load_failed, "unclosed");
}

// Transformers 5 has all experts' weights as one parameter, and so no modules of theirs.
BOOST_AUTO_TEST_CASE(what_an_adapter_targets_without_having_tensors_for_it_is_left_as_it_is)
{
    const auto all = retargeted("att", "all-linear").value();
    BOOST_TEST(all.factors().size() == 12u);
    BOOST_TEST(all.untouched().size() == 2u * (4 * 3 + 1) + 3);
    const auto one =
        retargeted("experts", {"q_proj", "v_proj", "gate_proj", "up_proj", "down_proj", "gate"})
            .value();
    BOOST_TEST(one.untouched() == (std::vector<std::string>{
                                      "model.layers.0.mlp.gate", "model.layers.1.mlp.gate_proj",
                                      "model.layers.1.mlp.up_proj", "model.layers.1.mlp.down_proj",
                                      "model.layers.2.mlp.gate"}));
    const auto fewer = retargeted("experts", {"q_proj", "v_proj"});
    BOOST_REQUIRE(fewer.has_error());
    BOOST_TEST((fewer.error().detail.find("has tensors but is not targeted") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(an_adapter_without_any_tensors_is_refused)
{
    const std::filesystem::path data = WARMD_TEST_DATA "/families/qwen3moe";
    const test::scratch_directory scratch;
    std::filesystem::copy(data / "adapters/att", scratch.path);
    test::write_file(scratch.path / "adapter_model.safetensors",
                     std::string("\2\0\0\0\0\0\0\0{}", 10));
    const auto opened =
        adapter::open(scratch.path, modules_of(read_model_config(data / "model").value()));
    BOOST_REQUIRE(opened.has_error());
    BOOST_TEST((opened.error().detail.find("targets 12 modules") != std::string::npos),
               opened.error().detail);
}

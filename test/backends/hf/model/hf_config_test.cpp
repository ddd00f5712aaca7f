// config.json and generation_config.json: what is read, what is refused.

#include "hf/model/model_config.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <cmath>
#include <fstream>

using namespace warmd;
using namespace warmd::hf;

namespace {

struct scratch_directory {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("warmd-hf-config-" + std::to_string(::getpid()));
    scratch_directory() { std::filesystem::create_directories(path); }
    ~scratch_directory() { std::filesystem::remove_all(path); }
    void write(const std::string& name, const std::string& text) const
    {
        std::filesystem::create_directories((path / name).parent_path());
        std::ofstream(path / name, std::ios::binary) << text;
    }
};

result<model_config> config_of(const std::string& members, const std::string& generation = "",
                               const std::string& architecture = "LlamaForCausalLM")
{
    const scratch_directory scratch;
    scratch.write("config.json", R"({"architectures":[")" + architecture + "\"]" +
                                     (members.empty() ? "" : "," + members) + "}");
    if (!generation.empty())
        scratch.write("generation_config.json", generation);
    return read_model_config(scratch.path);
}

template <class T>
void refused(const result<T>& read, errc code, const std::string& word)
{
    BOOST_REQUIRE(read.has_error());
    BOOST_TEST((read.error().code == code), read.error().detail);
    BOOST_TEST((read.error().detail.find(word) != std::string::npos), read.error().detail);
}

} // namespace

BOOST_AUTO_TEST_CASE(absent_members_take_transformers_defaults)
{
    const model_config config = config_of("").value();
    BOOST_TEST(config.vocab_size == 32000u);
    BOOST_TEST(config.hidden_size == 4096u);
    BOOST_TEST(config.kv_heads == 32u);
    BOOST_TEST(config.head_dim == 128u);
    BOOST_TEST(config.max_positions == 2048u);
    BOOST_TEST(config.norm_eps == 1e-6f);
    BOOST_TEST(config.rotations.at(0).theta == 10000.0);
    BOOST_TEST(!config.tied_embeddings);
    BOOST_TEST(config.eos.empty());
}

BOOST_AUTO_TEST_CASE(each_family_has_its_own_defaults_and_biases)
{
    const auto bias = [](const model_config& config, linear_kind kind) {
        return config.plan.at(0)[kind].bias;
    };
    const auto norms_heads = [](const model_config& config) {
        return config.plan.at(0)[norm_place::of_queries].width == config.head_dim;
    };
    const auto mistral = config_of("", "", "MistralForCausalLM").value();
    BOOST_TEST((mistral.kv_heads == 8u && mistral.intermediate_size == 14336u &&
                !bias(mistral, linear_kind::qkv) && !norms_heads(mistral)));
    const auto qwen2 = config_of(R"("hidden_size":512)", "", "Qwen2ForCausalLM").value();
    BOOST_TEST((qwen2.head_dim == 16u && bias(qwen2, linear_kind::qkv) &&
                !bias(qwen2, linear_kind::output) && !norms_heads(qwen2)));
    const auto qwen3 = config_of(R"("hidden_size":64)", "", "Qwen3ForCausalLM").value();
    BOOST_TEST((qwen3.head_dim == 128u && !bias(qwen3, linear_kind::qkv) && norms_heads(qwen3)));
    const auto biased = config_of(R"("attention_bias":true)", "", "Qwen3ForCausalLM").value();
    BOOST_TEST((bias(biased, linear_kind::qkv) && bias(biased, linear_kind::output) &&
                !bias(biased, linear_kind::mlp_in)));
}

BOOST_AUTO_TEST_CASE(the_model_type_decides_and_architectures_only_where_there_is_none)
{
    const auto type = [](const std::string& members, const std::string& architecture) {
        return config_of(members, "", architecture).value().kv_heads;
    };
    BOOST_TEST(type(R"("model_type":"llama")", "MistralForCausalLM") == 32u);
    BOOST_TEST(type(R"("model_type":"llama")", "LLaMAForCausalLM") == 32u);
    BOOST_TEST(type("", "MistralForCausalLM") == 8u);
    BOOST_TEST(type(R"("model_type":null)", "MistralForCausalLM") == 8u);
    refused(config_of("", "", "ReformerForCausalLM"), errc::unsupported, "ReformerForCausalLM");
    refused(config_of(R"("model_type":"reformer")", "", "LlamaForCausalLM"), errc::unsupported,
            "reformer");
    refused(config_of("", "", "ReformerForCausalLM"), errc::unsupported, "llama, ministral3");
}

BOOST_AUTO_TEST_CASE(layers_have_the_windows_that_their_family_gives_them)
{
    const auto windows = [](const std::string& architecture, const std::string& members) {
        std::vector<std::size_t> all;
        for (const layer_plan& layer :
             config_of("\"num_hidden_layers\":4" + members, "", architecture).value().plan)
            all.push_back(layer.window);
        return all;
    };
    const auto same = [](std::size_t window) { return std::vector<std::size_t>(4, window); };
    BOOST_TEST(windows("MistralForCausalLM", "") == same(4096));
    BOOST_TEST(windows("MistralForCausalLM", R"(,"sliding_window":100)") == same(100));
    BOOST_TEST(windows("MistralForCausalLM", R"(,"sliding_window":null)") == same(0));
    BOOST_TEST(windows("LlamaForCausalLM", R"(,"sliding_window":100)") == same(0));
    const std::string qwen = R"(,"sliding_window":100,"use_sliding_window":true)";
    BOOST_TEST(windows("Qwen2ForCausalLM", R"(,"sliding_window":100)") == same(0));
    BOOST_TEST(windows("Qwen2ForCausalLM", qwen) == same(0)); // from layer 28 on
    BOOST_TEST(windows("Qwen2ForCausalLM", qwen + R"(,"max_window_layers":1)") ==
               (std::vector<std::size_t>{0, 100, 100, 100}));
    const std::string types = R"(,"layer_types":["sliding_attention","full_attention",)"
                              R"("sliding_attention","sliding_attention"])";
    BOOST_TEST(windows("Qwen2ForCausalLM", qwen + types) ==
               (std::vector<std::size_t>{100, 0, 100, 100}));
    BOOST_TEST(windows("Gemma2ForCausalLM", R"(,"sliding_window":7)") ==
               (std::vector<std::size_t>{7, 0, 7, 0}));
    BOOST_TEST(windows("Gemma3ForCausalLM", R"(,"sliding_window":7,"sliding_window_pattern":3)") ==
               (std::vector<std::size_t>{7, 7, 0, 7}));
    BOOST_TEST(windows("Olmo3ForCausalLM", "") == (std::vector<std::size_t>{4096, 4096, 4096, 0}));
    refused(config_of(R"("num_hidden_layers":1,"layer_types":["linear_attention"])", "",
                      "Olmo3ForCausalLM"),
            errc::unsupported, "linear_attention");
    refused(config_of(R"("num_hidden_layers":2,"layer_types":["full_attention"])", "",
                      "Olmo3ForCausalLM"),
            errc::load_failed, "layer_types");
}

BOOST_AUTO_TEST_CASE(sizes_have_the_names_that_their_family_gives_them)
{
    const std::string sizes = R"("n_embd":24,"n_layer":3,"n_head":2,"n_positions":50)";
    const auto gpt2 = config_of(sizes, "", "GPT2LMHeadModel").value();
    BOOST_TEST((gpt2.hidden_size == 24u && gpt2.layers == 3u && gpt2.heads == 2u &&
                gpt2.head_dim == 12u && gpt2.intermediate_size == 96u));
    BOOST_TEST((gpt2.max_positions == 50u && gpt2.rotations.empty() && gpt2.tied_embeddings));
    BOOST_TEST(
        config_of(sizes + R"(,"n_inner":40)", "", "GPT2LMHeadModel").value().intermediate_size ==
        40u);
    BOOST_TEST(module_path(gpt2, 2, "mlp.c_fc") == "transformer.h.2.mlp.c_fc");
    for (const char* const other :
         {R"("scale_attn_by_inverse_layer_idx":true)", R"("add_cross_attention":true)",
          R"("scale_attn_weights":false)"})
        refused(config_of(other, "", "GPT2LMHeadModel"), errc::unsupported,
                std::string(other + 1).substr(0, 15));
    const auto neox = config_of(R"("hidden_size":64,"num_attention_heads":4,"rotary_pct":0.5,)"
                                R"("rotary_emb_base":5000)",
                                "", "GPTNeoXForCausalLM")
                          .value();
    BOOST_TEST((neox.rotations.at(0).rotated(neox.head_dim) == 8u &&
                neox.rotations.at(0).theta == 5000.0 && !neox.tied_embeddings));
    BOOST_TEST((neox.plan.at(0).by_head && neox.plan.at(0).branches.at(1).beside));
    BOOST_TEST(!config_of(R"("use_parallel_residual":false)", "", "GPTNeoXForCausalLM")
                    .value()
                    .plan.at(0)
                    .branches.at(1)
                    .beside);
}

BOOST_AUTO_TEST_CASE(layers_have_the_experts_that_their_family_gives_them)
{
    const auto experts = [](const std::string& members) {
        std::vector<std::size_t> all;
        for (const layer_plan& layer :
             config_of("\"num_hidden_layers\":4" + members, "", "Qwen3MoeForCausalLM").value().plan)
            all.push_back(layer.routing.experts);
        return all;
    };
    BOOST_TEST(experts("") == std::vector<std::size_t>(4, 128));
    BOOST_TEST(experts(R"(,"num_experts":6)") == std::vector<std::size_t>(4, 6));
    BOOST_TEST(experts(R"(,"num_local_experts":6,"mlp_only_layers":[1,3])") ==
               (std::vector<std::size_t>{6, 0, 6, 0}));
    BOOST_TEST(experts(R"(,"num_experts":6,"decoder_sparse_step":2,"mlp_only_layers":[3])") ==
               (std::vector<std::size_t>{0, 6, 0, 0}));
    const layer_plan mixtral = config_of("", "", "MixtralForCausalLM").value().plan.at(1);
    BOOST_TEST((mixtral.routing.experts == 8u && mixtral.routing.chosen == 2u &&
                mixtral.routing.normalised && mixtral.window == 0u));
    BOOST_TEST(mixtral.linears.at(linear_of(7, linear_kind::mlp_out)).parts.at(0).name ==
               "block_sparse_moe.experts.7.w2");
    BOOST_TEST(mixtral.linears.at(mixtral.router()).parts.at(0).name == "block_sparse_moe.gate");
    const layer_plan olmoe =
        config_of(R"("num_experts_per_tok":3)", "", "OlmoeForCausalLM").value().plan.at(0);
    BOOST_TEST(
        (olmoe.routing.experts == 64u && olmoe.routing.chosen == 3u && !olmoe.routing.normalised));
    refused(config_of(R"("clip_qkv":8.0)", "", "OlmoeForCausalLM"), errc::unsupported, "clip_qkv");
    refused(config_of(R"("num_experts":2,"num_experts_per_tok":3)", "", "OlmoeForCausalLM"),
            errc::load_failed, "num_experts_per_tok");
    refused(config_of(R"("num_experts":100000)", "", "Qwen3MoeForCausalLM"), errc::load_failed,
            "num_experts");
    refused(config_of(R"("mlp_only_layers":1)", "", "Qwen3MoeForCausalLM"), errc::load_failed,
            "mlp_only_layers");
}

BOOST_AUTO_TEST_CASE(both_generations_of_the_file_say_the_same)
{
    const model_config old_style =
        config_of(R"("rope_theta":500000.0,"rope_scaling":{"type":"linear","factor":4.0},)"
                  R"("torch_dtype":"float32")")
            .value();
    const model_config new_style =
        config_of(R"("rope_parameters":{"rope_theta":500000.0,"rope_type":"linear","factor":4.0},)"
                  R"("dtype":"float32")")
            .value();
    BOOST_TEST((old_style.rotations.at(0).scaling == rope_config::type::linear));
    BOOST_TEST((rope_frequencies(old_style.rotations.at(0), 16) ==
                rope_frequencies(new_style.rotations.at(0), 16)));
    BOOST_TEST(rope_frequencies(old_style.rotations.at(0), 16)[0] == 0.25f);
}

BOOST_AUTO_TEST_CASE(rope_scaling_counts_before_rope_parameters_if_it_says_anything)
{
    const std::string plain = R"("rope_parameters":{"rope_theta":500000.0,"rope_type":"default"},)";
    const auto both =
        config_of(plain + R"("rope_theta":500000.0,"rope_scaling":{"type":"linear","factor":4.0})")
            .value();
    BOOST_TEST((both.rotations.at(0).scaling == rope_config::type::linear &&
                both.rotations.at(0).theta == 500000.0));
    for (const char* const nothing : {"null", "{}"}) {
        const auto one = config_of(plain + R"("rope_scaling":)" + nothing).value();
        BOOST_TEST((one.rotations.at(0).scaling == rope_config::type::unscaled));
        BOOST_TEST(one.rotations.at(0).theta == 500000.0);
    }
    refused(config_of(plain + R"("rope_scaling":{"rope_type":"twist","factor":2})"),
            errc::unsupported, "twist");
}

BOOST_AUTO_TEST_CASE(rotations_by_type_of_layer_are_refused_and_never_taken_for_the_default)
{
    for (const char* const name : {"rope_parameters", "rope_scaling"})
        refused(config_of("\"" + std::string(name) +
                              R"(":{"full_attention":{"rope_type":"default","rope_theta":1e6},)"
                              R"("sliding_attention":{"rope_type":"default","rope_theta":1e4}})",
                          "", "Qwen3ForCausalLM"),
                errc::unsupported, "full_attention");
}

BOOST_AUTO_TEST_CASE(llama3_scaling_slows_only_the_slow_rotations)
{
    const rope_config rope{.scaling = rope_config::type::llama3,
                           .theta = 500000,
                           .factor = 8,
                           .low_freq_factor = 1,
                           .high_freq_factor = 4,
                           .original_max_position = 64};
    const auto scaled = rope_frequencies(rope, 16), plain = rope_frequencies({.theta = 500000}, 16);
    BOOST_TEST(scaled[0] == plain[0]);
    BOOST_TEST(scaled[1] != plain[1]); // turns 1.97 times in 64 positions: between the two
    BOOST_TEST(std::abs(scaled[7] - plain[7] / 8) < 1e-12f);
}

BOOST_AUTO_TEST_CASE(inputs_may_be_as_long_as_positions_are_stretched)
{
    const auto longest = [](const std::string& rope) {
        return config_of(R"("max_position_embeddings":100,"head_dim":4,"rope_scaling":)" + rope)
            .value()
            .max_positions;
    };
    BOOST_TEST(longest(R"({"rope_type":"linear","factor":4})") == 100u);
    BOOST_TEST(longest(R"({"type":"yarn","factor":4})") == 400u); // as Qwen's cards advise
    BOOST_TEST(longest(R"({"type":"yarn","factor":4,"original_max_position_embeddings":25})") ==
               100u);
    BOOST_TEST(longest(R"({"rope_type":"dynamic","factor":4})") == 400u);
    BOOST_TEST(longest(R"({"type":"su","original_max_position_embeddings":25,)"
                       R"("short_factor":[1,1],"long_factor":[2,2]})") == 100u);
    refused(config_of(R"("head_dim":4,"rope_scaling":{"rope_type":"longrope",)"
                      R"("short_factor":[1,1,1],"long_factor":[2,2]})"),
            errc::unsupported, "3 factors for 2 pairs");
}

BOOST_AUTO_TEST_CASE(lengths_are_of_one_class_as_long_as_positions_are_turned_alike)
{
    rope_config rope{.theta = 10000, .factor = 4, .original_max_position = 25};
    BOOST_TEST(rope.length_class(26) == 0u);
    rope.scaling = rope_config::type::dynamic;
    BOOST_TEST((rope.length_class(25) == 0u && rope.length_class(26) == 26u));
    rope.scaling = rope_config::type::longrope;
    BOOST_TEST((rope.length_class(25) == 0u && rope.length_class(26) == 26u &&
                rope.length_class(90) == 26u && rope.length_class(rope.length_class(90)) == 26u));
}

BOOST_AUTO_TEST_CASE(half_of_a_heads_dimensions_may_turn)
{
    const auto config = config_of(R"("head_dim":8,"partial_rotary_factor":0.5)").value();
    BOOST_TEST(config.rotations.at(0).rotated(config.head_dim) == 4u);
    refused(config_of(R"("head_dim":8,"partial_rotary_factor":0.4)"), errc::load_failed,
            "partial_rotary_factor");
}

BOOST_AUTO_TEST_CASE(the_text_part_of_a_wrapped_model_is_read)
{
    const auto config =
        config_of(R"("model_type":"gemma3","text_config":{"model_type":"gemma3_text",)"
                  R"("num_hidden_layers":3},"eos_token_id":[1,106])",
                  "", "Gemma3ForConditionalGeneration")
            .value();
    BOOST_TEST((config.wrapped && config.layers == 3u && config.tied_embeddings));
    BOOST_TEST(config.eos == (std::vector<token_id>{1, 106}));
    refused(config_of(R"("model_type":"gemma3","text_config":{"model_type":"gemma3_text"},)"
                      R"("quantization_config":{"bits":4})"),
            errc::unsupported, "quantization_config");
    refused(config_of(R"("model_type":"gemma3")"), errc::load_failed, "text_config");
}

BOOST_AUTO_TEST_CASE(the_ends_of_text_come_from_the_generation_config_first)
{
    BOOST_TEST(config_of(R"("eos_token_id":7)").value().eos == std::vector<token_id>{7});
    BOOST_TEST(config_of(R"("eos_token_id":[7,9])", "{}").value().eos ==
               (std::vector<token_id>{7, 9}));
    BOOST_TEST(config_of(R"("eos_token_id":7)", R"({"eos_token_id":[1,2]})").value().eos ==
               (std::vector<token_id>{1, 2}));
    refused(config_of(R"("eos_token_id":"end")"), errc::load_failed, "eos_token_id");
}

BOOST_AUTO_TEST_CASE(what_would_change_the_numbers_is_refused_by_name)
{
    refused(config_of(R"("hidden_act":"relu6")"), errc::unsupported, "relu6");
    refused(config_of(R"("rope_scaling":{"rope_type":"twist","factor":2})"), errc::unsupported,
            "twist");
    refused(config_of(R"("quantization_config":{"bits":4})"), errc::unsupported,
            "quantization_config");
    refused(config_of(R"("rope_scaling":{"rope_type":"llama3","factor":8})"), errc::load_failed,
            "low_freq_factor");
}

BOOST_AUTO_TEST_CASE(a_member_of_the_wrong_kind_is_named)
{
    refused(config_of(R"("num_attention_heads":0)"), errc::load_failed, "num_attention_heads");
    refused(config_of(R"("partial_rotary_factor":1.5)"), errc::load_failed,
            "partial_rotary_factor");
    refused(config_of(R"("num_hidden_layers":5000)"), errc::load_failed, "num_hidden_layers");
    refused(config_of(R"("num_hidden_layers":1e3)"), errc::load_failed, "num_hidden_layers");
    refused(config_of(R"("vocab_size":99999999999999999999)"), errc::load_failed, "vocab_size");
    refused(config_of(R"("rms_norm_eps":-1)"), errc::load_failed, "rms_norm_eps");
    refused(config_of(R"("tie_word_embeddings":1)"), errc::load_failed, "tie_word_embeddings");
    refused(config_of(R"("rope_scaling":[])"), errc::load_failed, "rope_scaling");
    refused(config_of(R"("hidden_size":100,"num_attention_heads":3)"), errc::load_failed,
            "num_attention_heads");
}

#pragma once
// The families of models that can be read: each one description, in a file of its own.

#include "hf/files/json_place.hpp"
#include "hf/model/model_config.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace warmd::hf {

/// What distinguishes a family from Llama: the defaults of its configuration (Transformers'
/// *Config class), which members it has, and what its layers are made of.
struct family {
    /// Something is there always, never, or if its member of config.json says so.
    enum class has { never, always, if_asked };

    std::string_view model_type;   ///< of config.json, which decides
    std::string_view architecture; ///< in `architectures`, where there is no model_type

    /// Sizes that config.json calls otherwise than Llama's: Llama's name, its own.
    std::span<const std::pair<std::string_view, std::string_view>> spellings{};

    // Defaults of sizes
    std::int64_t vocab_size = 32000, hidden_size = 4096;
    std::int64_t intermediate_size = 11008; ///< 0: four times hidden_size
    std::int64_t layers = 32, heads = 32;
    std::int64_t kv_heads = 0; ///< 0: as many as heads
    std::int64_t head_dim = 0; ///< 0: hidden_size / heads
    std::int64_t max_positions = 2048;
    std::string_view norm_eps_member = "rms_norm_eps", theta_member = "rope_theta",
                     partial_member = "partial_rotary_factor";
    double norm_eps = 1e-6, theta = 10000, partial_rotary = 1;
    bool tied = false;

    std::string_view activation_member = "hidden_act", activation = "silu";
    has qkv_bias = has::never, output_bias = has::never; ///< asked by attention_bias
    has mlp_bias = has::never;                           ///< asked by mlp_bias
    has window = has::never;      ///< sliding_window; asked by use_sliding_window
    std::int64_t window_size = 0; ///< its default, 0: none
    std::int64_t full_every = 0;  ///< with one: every so manieth layer has none
    bool rotates_by_type = false; ///< rope_parameters may differ for layers with a window
    bool rotates_neighbours = false;

    /// What else differs, once all that is above has been read.
    void (*adapt)(const json_place& fields, model_config& config) = nullptr;
};

extern const family cohere, cohere2, ernie4_5, exaone4, gemma2, gemma3, glm, glm4, gpt2, gpt_neox,
    granite, helium, hunyuan_v1_dense, llama, ministral3, mistral, mixtral, olmo2, olmo3, olmoe,
    phi, phi3, qwen2, qwen3, qwen3_moe, seed_oss, smollm3, stablelm, starcoder2;
/// All of them.
inline constexpr std::array families{&cohere,
                                     &cohere2,
                                     &ernie4_5,
                                     &exaone4,
                                     &gemma2,
                                     &gemma3,
                                     &glm,
                                     &glm4,
                                     &gpt2,
                                     &gpt_neox,
                                     &granite,
                                     &helium,
                                     &hunyuan_v1_dense,
                                     &llama,
                                     &ministral3,
                                     &mistral,
                                     &mixtral,
                                     &olmo2,
                                     &olmo3,
                                     &olmoe,
                                     &phi,
                                     &phi3,
                                     &qwen2,
                                     &qwen3,
                                     &qwen3_moe,
                                     &seed_oss,
                                     &smollm3,
                                     &stablelm,
                                     &starcoder2};

/// The family of a model_type, or of an architecture if there is none; null if it is unknown.
const family* find_family(std::string_view model_type, std::string_view architecture);
/// Their model types, comma separated, for messages.
std::string known_families();

// What several families have.

/// RMSNorm over each head of queries and keys (Henry et al. 2020).
void norm_heads(const json_place&, model_config& config);
/// Each layer's projections have these biases.
void set_biases(model_config& config, const layer_biases& biases);
/// Layer norms, with or without biases.
void use_layer_norms(model_config& config, bool biased);
/// The MLP reads what attention reads, normed once.
void run_side_by_side(model_config& config);
/// The MLP has no gate: its two projections are these modules.
void use_plain_mlp(model_config& config, const std::string& in, const std::string& out);

/// What a layer calls its router and its experts' projections.
struct expert_names {
    std::string_view router = "mlp.gate", experts = "mlp.experts"; ///< "<experts>.<which>.<gate>"
    std::string_view gate = "gate_proj", up = "up_proj", down = "down_proj";
};
/// num_experts, or num_local_experts, and num_experts_per_tok; by default so many.
routing_plan read_routing(const json_place& fields, const model_config& config,
                          std::int64_t experts, std::int64_t chosen);
/// The layer's MLP becomes experts of this width.
void use_experts(layer_plan& layer, const routing_plan& routing, std::size_t width,
                 const expert_names& names = {});

} // namespace warmd::hf

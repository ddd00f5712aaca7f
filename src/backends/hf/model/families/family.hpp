#pragma once
// The families of models that can be read: each one description, in a file of its own.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace warmd::hf {

/// What distinguishes a family from the common model: the defaults of its configuration
/// (Transformers' *Config class), and what of layer_plan.hpp its layers have.
struct family {
    /// A bias or window is there always, never, or if its member of config.json says so.
    enum class has { never, always, if_asked };

    std::string_view architecture; ///< in config.json's `architectures`
    std::string_view model_type;
    std::uint64_t vocab_size, intermediate_size;
    std::uint64_t kv_heads; ///< 0: as many as heads
    std::uint64_t head_dim; ///< 0: hidden_size / heads
    std::uint64_t max_positions;
    has qkv_bias, output_bias, mlp_bias; ///< asked by attention_bias, attention_bias, mlp_bias
    bool qk_norm;                        ///< RMSNorm over each head of queries and keys
    has window;                          ///< sliding_window; asked by use_sliding_window
};

extern const family llama, mistral, qwen2, qwen3;
/// All of them.
inline constexpr std::array<const family*, 4> families{&llama, &mistral, &qwen2, &qwen3};

/// The family of an architecture, or null.
const family* find_family(std::string_view architecture);
/// Their architectures, comma separated, for messages.
std::string known_architectures();

} // namespace warmd::hf

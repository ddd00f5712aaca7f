#pragma once
// What config.json and generation_config.json say about a model. Both generations of config.json
// are read: rope_theta and rope_scaling at top level, or rope_parameters (Transformers 5). What
// changes the numbers and is not implemented here is refused by name, never ignored.

#include <warmd/divergence.hpp>
#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace warmd::hf {

/// Rotary position embedding (Su et al. 2021), with the scalings of its frequencies.
struct rope_config {
    enum class type { unscaled, linear, llama3 };
    type scaling = type::unscaled;
    double theta = 10000;
    double factor = 1;                ///< linear and llama3
    double low_freq_factor = 1;       ///< llama3
    double high_freq_factor = 4;      ///< llama3
    double original_max_position = 0; ///< llama3: context length before scaling
};

struct model_config {
    std::size_t vocab_size = 0; ///< rows of the embedding; may exceed the tokenizer's size
    std::size_t hidden_size = 0;
    std::size_t intermediate_size = 0;
    std::size_t layers = 0;
    std::size_t heads = 0;
    std::size_t kv_heads = 0;      ///< divides heads
    std::size_t head_dim = 0;      ///< even
    std::size_t max_positions = 0; ///< the context in tokens
    std::size_t window =
        0; ///< a token looks back no further than this, 0: all the way; longer inputs are refused
    float rms_norm_eps = 0;
    rope_config rope;
    bool tied_embeddings = false; ///< the output projection is the embedding, unless there is one
    bool qkv_bias = false;
    bool output_bias = false; ///< of the attention's output projection
    bool mlp_bias = false;
    bool qk_norm = false;          ///< RMSNorm over each head of q and k before RoPE
    std::vector<token_id> eos;     ///< tokens that end a generation; may be empty
    std::optional<token_id> bos{}; ///< bos_token_id, if it is in the vocabulary

    /// Longest input in tokens.
    std::size_t longest_input() const
    {
        return window == 0 ? max_positions : std::min(max_positions, window);
    }
    std::size_t q_width() const { return heads * head_dim; }
    std::size_t kv_width() const { return kv_heads * head_dim; }
};

/// Reads config.json and, if there is one, generation_config.json of a model directory. load_failed
/// names file and member; unsupported names what was found.
result<model_config> read_model_config(const std::filesystem::path& directory,
                                       const file_rules& rules = {});

/// The rotation's angle per position, one for each of head_dim / 2 pairs.
std::vector<float> rope_frequencies(const rope_config& rope, std::size_t head_dim);

} // namespace warmd::hf

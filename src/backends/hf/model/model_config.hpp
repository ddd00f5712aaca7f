#pragma once
// What config.json and generation_config.json say about a model. Both generations of config.json
// are read: rope_theta and rope_scaling at top level, or rope_parameters (Transformers 5). What
// changes the numbers and is not implemented here is refused by name, never ignored.

#include "hf/model/layer_plan.hpp"
#include "hf/model/rope.hpp"

#include <warmd/divergence.hpp>
#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace warmd::hf {

/// What a model calls its modules.
struct module_names {
    std::string base = "model"; ///< that all but the output projection are in
    std::string embedding = "embed_tokens", layers = "layers", final_norm = "norm";
    std::string positions{}; ///< a learned vector for each position; empty: none

    std::string within(const std::string& module) const { return base + "." + module; }
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

    module_names names{};
    std::vector<layer_plan> plan{};       ///< by layer
    std::vector<linear_shape> head{};     ///< the projection to the vocabulary
    std::vector<rope_config> rotations{}; ///< that the layers refer to

    norm_kind norm = norm_kind::root_mean_square;
    bool norm_bias = false; ///< of a layer norm
    float norm_eps = 0;
    float norm_offset = 0; ///< is added to a norm's weights: 1 where they are kept around 0

    /// What is multiplied on the way.
    float embedding_scale = 1; ///< of what goes into the stream first
    float query_scale = 1;     ///< beside attention's own 1 / sqrt(head_dim)
    /// Of queries at position p, beside that: 1 + query_growth ln(1 + floor(p / growth_period)).
    double query_growth = 0, growth_period = 1;
    float branch_scale = 1; ///< of what a branch adds to the stream
    float logit_scale = 1;
    /// cap tanh(x / cap) bounds softly; 0: not at all.
    float score_cap = 0; ///< of attention's scores
    float logit_cap = 0; ///< after logit_scale

    bool tied_embeddings = false; ///< the output projection is the embedding, unless there is one
    bool wrapped = false; ///< the language part of a model that has others, by its tensors' names
    std::vector<token_id> eos{};   ///< tokens that end a generation; may be empty
    std::optional<token_id> bos{}; ///< bos_token_id, if it is in the vocabulary

    std::size_t q_width() const { return heads * head_dim; }
    std::size_t kv_width() const { return kv_heads * head_dim; }
    /// What a query at that position is multiplied with.
    float query_scale_at(std::size_t position) const;
    /// What the projection to the vocabulary is called.
    const std::string& output_name() const { return head.at(0).parts.at(0).name; }
    /// Queries, keys and values of one token.
    std::size_t qkv_width() const { return q_width() + 2 * kv_width(); }
    /// Inputs of two lengths turn positions alike if this is the same for both.
    std::size_t length_class(std::size_t length) const;
};

/// Reads config.json and, if there is one, generation_config.json of a model directory. load_failed
/// names file and member; unsupported names what was found.
result<model_config> read_model_config(const std::filesystem::path& directory,
                                       const file_rules& rules = {});

} // namespace warmd::hf

#pragma once
// What the layers of a model are made of, said once: the loader reads the tensors that stand here,
// adapters act on them, the forward pass runs through the branches, and the bound on its numbers
// (finiteness.hpp) follows it.

#include "hf/compute/activations.hpp"
#include "hf/compute/matmul.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace warmd::hf {

struct model_config;
struct base_module;

/// The matrix products of a layer. Projections that share an input are one matrix, which is faster.
enum class linear_kind { qkv, output, mlp_in, mlp_out };

/// What one of them is made of.
struct linear_shape {
    struct part {
        std::string name; ///< "self_attn.q_proj", within the layer
        std::size_t out;
    };
    std::size_t in = 0;
    std::vector<part> parts; ///< their rows stand one after the other
    bool bias = false;
    std::size_t strands = 1; ///< 2: its halves' outputs are wanted side by side (matmul.hpp)
    bool transposed = false; ///< a file has it [in, out] (GPT-2's Conv1D)

    std::size_t out() const;
    matrix_shape matrix() const { return {in, out(), strands}; }
};

/// Where a layer may have a norm: all of model_config's kind.
enum class norm_place {
    before_attention,
    after_attention,
    before_mlp,
    after_mlp,
    of_queries,
    of_keys
};
inline constexpr std::size_t norm_places = 6;

struct norm_shape {
    std::string name;      ///< "input_layernorm", within the layer
    std::size_t width = 0; ///< of what it norms; 0: there is none
    std::size_t heads = 0; ///< so many, each with weights of its own; 0: one for all that it norms

    std::size_t weights() const { return width * (heads == 0 ? 1 : heads); }
};

/// What is normed in a model.
enum class norm_kind {
    root_mean_square, ///< Zhang & Sennrich 2019
    layer,            ///< Ba et al. 2016
};

/// What reads the residual stream and adds what it makes to it, through norms where there are any.
struct branch_plan {
    enum class part {
        attention, ///< queries, keys and values by `in`; normed, rotated; attention; `out`
        gated_mlp, ///< activation(gate) * up (Shazeer 2020), both by `in`; `out`
        mlp,       ///< activation of `in`; `out`
        experts,   ///< gated MLPs, by `in` and `out` of each expert that was chosen
    };
    part what;
    norm_place before, after;
    linear_kind in, out;
    bool beside = false; ///< reads what the branch before it read: by a norm of its own, if it has
                         ///< one, else as that was normed
};

/// A token goes through some of a layer's MLPs only, its experts (Shazeer et al. 2017): those with
/// the largest scores. Their outputs are added up, each times its score's softmax.
struct routing_plan {
    std::size_t experts = 0; ///< 0: all tokens go through the layer's one MLP
    std::size_t chosen = 0;  ///< of them, by each token
    bool normalised = false; ///< the softmax is over those chosen, not over all
};

/// One layer. What is not said is as in Llama.
struct layer_plan {
    std::array<norm_shape, norm_places> norms; ///< by norm_place
    /// By linear_kind, of one shape in all layers with or in all without experts. With experts,
    /// mlp_in and mlp_out of each follow one another, and the router's scores come last.
    std::vector<linear_shape> linears;
    routing_plan routing;
    std::vector<branch_plan> branches;                  ///< one after the other
    activation_kind activation = activation_kind::silu; ///< of an MLP
    bool norms_turned = false; ///< norms of queries and keys come after their rotation, not before
    bool by_head = false;      ///< qkv's rows are a query, a key and a value for each head in turn
    std::size_t window = 0;    ///< positions that a token sees, its own and those before; 0: all
    std::optional<std::size_t> rotation = 0; ///< of model_config::rotations; none: not rotated

    norm_shape& operator[](norm_place place) { return norms[static_cast<std::size_t>(place)]; }
    const norm_shape& operator[](norm_place place) const
    {
        return norms[static_cast<std::size_t>(place)];
    }
    linear_shape& operator[](linear_kind kind) { return linears[static_cast<std::size_t>(kind)]; }
    const linear_shape& operator[](linear_kind kind) const
    {
        return linears[static_cast<std::size_t>(kind)];
    }
    std::size_t router() const { return linears.size() - 1; } ///< its place among linears
    bool is_of_expert(std::size_t which) const; ///< that linear is multiplied by chosen rows only
    std::size_t weights_of_token() const;       ///< so many it is multiplied with
};

/// The place among linears of mlp_in or mlp_out of an expert.
inline std::size_t linear_of(std::size_t expert, linear_kind kind)
{
    return static_cast<std::size_t>(kind) + 2 * expert;
}

/// Biases of the projections: of queries, keys and values, of attention's output, of the MLP.
struct layer_biases {
    bool qkv = false, output = false, mlp = false;
};

/// A layer of Llama's (Touvron et al. 2023) of these sizes: norms before both branches. Others are
/// told by what they have instead.
layer_plan llama_layer(const model_config& sizes, const layer_biases& biases = {});

/// "model.layers.<layer>.<name>", by the model's own names; beyond the last layer "<name>"
std::string module_path(const model_config& config, std::size_t layer, const std::string& name);
/// The matrix products of a layer; beyond the last one, the projection to the vocabulary alone.
const std::vector<linear_shape>& linears_of(const model_config& config, std::size_t layer);
/// Every module that an adapter can act on, in the order in which they are run.
std::vector<base_module> modules_of(const model_config& config);

} // namespace warmd::hf

#pragma once
// What the layers of a model are made of, said once: the loader reads the tensors that stand here,
// adapters act on them, the forward pass runs through the branches, and the bound on its numbers
// (finiteness.hpp) follows it.

#include "hf/compute/matmul.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/model_config.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace warmd::hf {

/// The four matrix products of a layer. Projections that share an input are one matrix, which is
/// faster.
enum class linear_kind { qkv, output, gate_up, down };
inline constexpr std::size_t linear_kinds = 4;

/// What one of them is made of.
struct linear_shape {
    struct part {
        std::string name; ///< "self_attn.q_proj", within the layer
        std::size_t out;
    };
    std::size_t in = 0;
    std::vector<part> parts; ///< their rows stand one after the other
    bool bias = false;
    std::size_t strands = 1; ///< 2: the parts' outputs are wanted side by side (matmul.hpp)

    std::size_t out() const;
    matrix_shape matrix() const { return {in, out(), strands}; }
};

/// Where a layer may have a norm: each RMSNorm (Zhang & Sennrich 2019), with config.rms_norm_eps.
enum class norm_place { before_attention, before_mlp, of_queries, of_keys };
inline constexpr std::size_t norm_places = 4;

struct norm_shape {
    std::string name;      ///< "input_layernorm", within the layer
    std::size_t width = 0; ///< of what it norms; 0: there is none
};

/// What reads the residual stream through a norm and adds what it makes to it.
struct branch_plan {
    enum class part {
        attention, ///< queries, keys and values by `in`; normed by head, rotated; attention; `out`
        gated_mlp, ///< silu(gate) * up (Shazeer 2020, SwiGLU), both by `in`; `out`
    };
    part what;
    norm_place norm;
    linear_kind in, out;
};

/// One layer; all layers of a model are alike.
struct layer_plan {
    std::array<norm_shape, norm_places> norms;      ///< by norm_place
    std::array<linear_shape, linear_kinds> linears; ///< by linear_kind
    std::vector<branch_plan> branches;              ///< one after the other

    const norm_shape& operator[](norm_place place) const
    {
        return norms[static_cast<std::size_t>(place)];
    }
    const linear_shape& operator[](linear_kind kind) const
    {
        return linears[static_cast<std::size_t>(kind)];
    }
};

layer_plan plan_of(const model_config& config);

/// "model.layers.<layer>.<name>"
std::string module_path(std::size_t layer, const std::string& name);
/// Every linear layer that an adapter can act on, layer by layer.
std::vector<linear_module> modules_of(const model_config& config);

} // namespace warmd::hf

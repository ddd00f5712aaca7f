#pragma once
// An adapter as PEFT writes it: adapter_config.json and adapter_model.safetensors. LoRA (Hu et al.
// 2021) on linear layers, the output projection and the embedding, DoRA (Liu et al. 2024) on the
// first two, and what is trained whole beside it: modules_to_save, biases, rows of single tokens.
// What PEFT can do besides and we cannot is refused by name before any tensor is read.
//
// mlx-lm writes adapters.safetensors and another adapter_config.json: `fine_tune_type` lora or
// dora, `lora_parameters` with rank and scale, which is the scaling itself. Its matrices are
// transposed, and all modules that have tensors are targeted.

#include "hf/files/checkpoint.hpp"
#include "hf/model/adapter_names.hpp"
#include "hf/model/module_pattern.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace warmd::hf {

/// A module of a base that adapters can act on: its path without ".weight", and its sizes.
struct base_module {
    enum class kind {
        linear,    ///< of a layer
        output,    ///< the projection to the vocabulary
        embedding, ///< `in` is the vocabulary
        norm,      ///< `out` wide
    };
    std::string path; ///< "model.layers.0.self_attn.q_proj"
    std::size_t in = 0;
    std::size_t out = 0;
    std::vector<std::string> also = {}; ///< paths that adapters may call it by instead
    kind what = kind::linear;
    bool bias = false; ///< it has one
};

/// What adapter_config.json says, for a module path.
class adapter_config {
public:
    /// Reads adapter_config.json of `directory`.
    static result<adapter_config> read(const std::filesystem::path& directory,
                                       const file_rules& rules = {});

    /// Whether target_modules and layers_to_transform choose this module. "all-linear" chooses all
    /// but embedding and output projection.
    bool targets(std::string_view path, base_module::kind what = base_module::kind::linear) const;
    std::size_t rank(std::string_view path) const;
    /// lora_alpha / rank, or lora_alpha / sqrt(rank) with use_rslora.
    double scaling(std::string_view path) const;
    /// Whether modules_to_save names this module.
    bool saves(std::string_view path) const;
    /// The tokens whose rows of this embedding are trained, in the order of the rows.
    std::vector<token_id> trained_tokens(std::string_view path, base_module::kind what) const;
    bool has_biases() const { return biases_; }         ///< "bias" is not "none"
    bool has_magnitudes() const { return magnitudes_; } ///< use_dora
    bool has_lora_biases() const { return lora_biases_; }
    bool is_mlx() const { return mlx_; } ///< as mlx-lm writes it
    const std::string& file() const { return file_; }

private:
    template <class T>
    using overrides = std::vector<std::pair<module_pattern, T>>;

    std::string file_;
    bool all_linear_ = false;
    std::vector<module_pattern> targets_;
    std::vector<module_pattern> excluded_;
    std::optional<std::vector<std::uint64_t>> layers_;
    bool by_pattern_ = false; ///< layers_pattern says what a layer is
    std::size_t rank_ = 0;
    double alpha_ = 0;
    bool rslora_ = false;
    overrides<std::size_t> rank_pattern_;
    overrides<double> alpha_pattern_;
    std::vector<std::string> saved_; ///< endings of paths
    /// By an ending of the embedding's path; of the input's without one.
    std::vector<std::pair<std::string, std::vector<token_id>>> tokens_;
    bool biases_ = false, magnitudes_ = false, lora_biases_ = false, mlx_ = false;

    friend class adapter_config_reader;
};

/// The two factors of one module: y += scaling * (x A^T) B^T.
struct lora_factors {
    base_module module;
    std::size_t rank = 0;
    double scaling = 0;
    std::string a_name;           ///< tensor [rank, in]
    std::string b_name;           ///< tensor [out, rank]
    std::string b_bias_name{};    ///< tensor [out] that is added to x A^T B^T; empty: none
    std::string magnitude_name{}; ///< DoRA's tensor [out]; empty: none
    bool transposed = false;      ///< the file has A [in, rank] and B [rank, out]
};

/// What stands in the place of a base's parameter.
struct replacement {
    base_module module;
    adapter_role role; ///< weight, bias or token_rows
    std::string tensor;
    std::vector<token_id> tokens{}; ///< whose rows token_rows are
};

/// An adapter whose every tensor has been checked against the base; the weights are still on disk.
class adapter {
public:
    /// Opens an adapter for a base with these modules.
    static result<adapter> open(const std::filesystem::path& directory,
                                const std::vector<base_module>& base, const file_rules& rules = {});

    /// In the order of the base's modules; only those the adapter acts on.
    const std::vector<lora_factors>& factors() const { return factors_; }
    const std::vector<replacement>& replaced() const { return replaced_; } ///< in the same order
    /// Modules that it targets and has no tensors for, of which all that it has are others': they
    /// are as without it, as in PEFT. Transformers 5 has no modules of experts, for one.
    const std::vector<std::string>& untouched() const { return untouched_; }
    /// How many tokens its embedding and its projection to the vocabulary have, where they have
    /// another number than the base's.
    std::optional<std::size_t> vocabulary() const { return vocabulary_; }
    /// What stands in the tensors' names that PEFT would not have written, and was passed over.
    const std::set<std::string>& passed_over() const { return passed_over_; }
    /// Reads a tensor in fp32; a value that is not finite is load_failed and names the tensor.
    result<void> read(const std::string& tensor, std::span<float> values) const;
    const checkpoint& file() const { return file_; }

private:
    friend class adapter_opener;
    explicit adapter(checkpoint file) : file_(std::move(file)) {}

    checkpoint file_;
    std::vector<lora_factors> factors_;
    std::vector<replacement> replaced_;
    std::vector<std::string> untouched_;
    std::set<std::string> passed_over_;
    std::optional<std::size_t> vocabulary_;
};

/// The files of an adapter directory that an adapter is made of.
std::vector<std::filesystem::path> adapter_files(const std::filesystem::path& directory);

} // namespace warmd::hf

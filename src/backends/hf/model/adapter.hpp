#pragma once
// A LoRA adapter (Hu et al. 2021) as PEFT writes it: adapter_config.json and
// adapter_model.safetensors. What PEFT can do besides and we cannot is refused by name before any
// tensor is read.

#include "hf/files/checkpoint.hpp"
#include "hf/model/module_pattern.hpp"

#include <warmd/error.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace warmd::hf {

/// A linear layer that LoRA can act on: its path without ".weight", and its sizes.
struct linear_module {
    std::string path; ///< "model.layers.0.self_attn.q_proj"
    std::size_t in = 0;
    std::size_t out = 0;
    std::vector<std::string> also = {}; ///< paths that adapters may call it by instead
};

/// What adapter_config.json says, for a module path.
class adapter_config {
public:
    /// Reads adapter_config.json of `directory`.
    static result<adapter_config> read(const std::filesystem::path& directory,
                                       const file_rules& rules = {});

    /// Whether target_modules and layers_to_transform choose this module.
    bool targets(std::string_view path) const;
    std::size_t rank(std::string_view path) const;
    /// lora_alpha / rank, or lora_alpha / sqrt(rank) with use_rslora.
    double scaling(std::string_view path) const;
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

    friend class adapter_config_reader;
};

/// The two factors of one module: y += scaling * (x A^T) B^T.
struct lora_factors {
    linear_module module;
    std::size_t rank = 0;
    double scaling = 0;
    std::string a_name; ///< tensor [rank, in]
    std::string b_name; ///< tensor [out, rank]
};

/// An adapter whose every tensor has been checked against the base; the weights are still on disk.
class adapter {
public:
    /// Opens an adapter for a base with these modules.
    static result<adapter> open(const std::filesystem::path& directory,
                                const std::vector<linear_module>& base,
                                const file_rules& rules = {});

    /// In the order of the base's modules; only those the adapter acts on.
    const std::vector<lora_factors>& factors() const { return factors_; }
    /// Modules that it targets and has no tensors for, of which all that it has are others': they
    /// are as without it, as in PEFT. Transformers 5 has no modules of experts, for one.
    const std::vector<std::string>& untouched() const { return untouched_; }
    /// Reads one factor in fp32; a value that is not finite is load_failed and names the tensor.
    result<void> read(const std::string& tensor, std::span<float> values) const;

private:
    adapter(checkpoint file, std::vector<lora_factors> factors, std::vector<std::string> untouched)
        : file_(std::move(file)), factors_(std::move(factors)), untouched_(std::move(untouched))
    {
    }

    checkpoint file_;
    std::vector<lora_factors> factors_;
    std::vector<std::string> untouched_;
};

/// The files of an adapter directory that an adapter is made of.
std::vector<std::filesystem::path> adapter_files(const std::filesystem::path& directory);

} // namespace warmd::hf

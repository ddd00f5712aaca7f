#pragma once
// What the tensors of a base model are called and how they are shaped, by its configuration.

#include "hf/files/checkpoint.hpp"
#include "hf/model/model_config.hpp"

#include <warmd/error.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace warmd::hf {

/// Of a module: "<module>.weight", "<module>.bias"
std::string weight_of(const std::string& module);
std::string bias_of(const std::string& module);

/// A projection of its own counts wherever there is one, as Transformers 5 has it: merges write
/// such files for models whose configuration says that it is tied.
bool has_own_output(const model_config& config, const checkpoint& file);

using tensor_visitor =
    std::function<result<void>(const std::string& tensor, std::vector<std::uint64_t> shape)>;
/// Shows every tensor of a model and its shape, in the order of the model, up to the first failure,
/// which it returns.
result<void> visit_tensors(const model_config& config, const checkpoint& file,
                           const tensor_visitor& visit);

/// Opens the weights of a model directory, by the names that a language model alone would have, and
/// checks them.
result<checkpoint> open_base_tensors(const std::filesystem::path& directory,
                                     const model_config& config, const file_rules& rules);

/// The checkpoint must have exactly the tensors that `config` describes, each in its shape:
/// load_failed names the tensor. (A weight that nobody uses would mean that the numbers are not the
/// model's.)
result<void> check_tensors(const model_config& config, const checkpoint& file);

} // namespace warmd::hf

#pragma once
// Reads an adapter for a base that need not be in memory yet.

#include "hf/compute/compute.hpp"
#include "hf/hf_backend.hpp"

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>
#include <warmd/model_spec.hpp>

#include <string>
#include <vector>

namespace warmd::hf {

/// Of `spec`, which has an adapter, on a base of that configuration. `warnings` gets what of it
/// is not as it looks: names that were passed over, modules without tensors, a tokenizer that does
/// not fit.
result<loaded_adapter> load_adapter(const model_spec& spec, const model_config& config,
                                    const weight_format& computes, compute_gate& gate,
                                    const file_rules& rules, std::vector<std::string>& warnings);

} // namespace warmd::hf

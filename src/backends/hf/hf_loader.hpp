#pragma once
// The "hf" kind: model directories as Hugging Face Transformers and PEFT write them.

#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

namespace warmd::hf {

/// The loader of the hf kind. Backends of one loader take turns at computing and share the weights
/// of a base that they have in common. `say` is told where a wish cannot be met: bf16 on a
/// processor without it is computed in fp32, as resolved_model::computes says.
loader hf_loader(logger say = {});

} // namespace warmd::hf

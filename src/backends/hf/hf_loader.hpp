#pragma once
// The "hf" kind: model directories as Hugging Face Transformers and PEFT write them.

#include <warmd/backend_registry.hpp>

namespace warmd::hf {

/// The loader of the hf kind. Backends of one loader take turns at computing and share the weights of a base that they
/// have in common.
loader hf_loader();

} // namespace warmd::hf

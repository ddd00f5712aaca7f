#pragma once
// The "hf" kind: model directories as Hugging Face Transformers and PEFT write them.

#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

namespace warmd::hf {

/// What the models of one loader may use together.
struct hf_options {
    std::uint64_t max_kv_bytes =
        std::numeric_limits<std::uint64_t>::max(); ///< keys and values of sequences under way
    std::shared_ptr<std::atomic<std::uint64_t>> kv_bytes{}; ///< told how much of that is in use
};

/// The loader of the hf kind. Backends of one loader take turns at computing and share the weights
/// of a base that they have in common. `say` is told where a wish cannot be met: bf16 on a
/// processor without it is computed in fp32, as resolved_model::computes says.
loader hf_loader(logger say = {}, hf_options how = {});

} // namespace warmd::hf

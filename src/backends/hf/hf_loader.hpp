#pragma once
// The "hf" kind: model directories as Hugging Face Transformers and PEFT write them.

#include "base/metrics.hpp"
#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

#include <cstdint>
#include <limits>
#include <memory>

namespace warmd::hf {

/// What the models of one loader may use together.
struct hf_options {
    std::uint64_t max_kv_bytes =
        std::numeric_limits<std::uint64_t>::max(); ///< keys and values, kept ones included
    double step_seconds = 0.05;           ///< what a step of the forward pass should take at most
    std::uint64_t prefix_cache_bytes = 0; ///< of max_kv_bytes: kept when their sequences have ended
    std::uint64_t answer_cache_bytes = 0; ///< remembered answers of base views
    std::shared_ptr<metrics> counted = std::make_shared<metrics>(); ///< never null
};

/// The loader of the hf kind. Backends of one loader take turns at computing and share the weights
/// of a base that they have in common. `say` is told where a wish cannot be met.
///
/// model_spec::dtype is what weights are kept in. auto and fp16 (a storage type): fp32. bf16: rows
/// are in bf16, too, where the processor has instructions for that; else weights are widened as
/// they are read, and rows are in fp32. int8 and int4: rounded when they are loaded
/// (quantized_unit.hpp), all matrices; the embedding and the projection to the vocabulary to 8 bits
/// in either. Rows, norms, biases and adapters stay in fp32.
loader hf_loader(logger say = {}, hf_options how = {});

} // namespace warmd::hf

#pragma once
// A base model ready to run: what every adapter on it shares.

#include "hf/compute/compute.hpp"
#include "hf/model/base_weights.hpp"
#include "hf/model/transformer.hpp"
#include "hf/text/tokenizer.hpp"

#include <warmd/backend_registry.hpp>
#include <warmd/error.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>

namespace warmd::hf {

/// Neither movable nor copyable: the transformer refers to the weights.
struct base_model {
    base_weights weights;
    tokenizer words;
    transformer forward;  ///< used only within a turn of the compute_gate
    kv_pool pool;         ///< thread-safe
    std::uint64_t id = 0; ///< of this load: what is remembered of it is remembered under that

    base_model(base_weights loaded, tokenizer read, std::shared_ptr<kv_budget> keys_and_values)
        : weights(std::move(loaded)), words(std::move(read)), forward(weights),
          pool(weights.config, forward.attends(), std::move(keys_and_values))
    {
    }
    base_model(const base_model&) = delete;
    base_model& operator=(const base_model&) = delete;

    /// Weights and buffers.
    std::uint64_t bytes() const { return weights.bytes() + forward.bytes() + pool.bytes(); }
};

/// Reads a tokenizer; load_failed if there is a token that the model has no row for.
result<tokenizer> read_tokenizer(const std::filesystem::path& file, const model_config& config,
                                 const file_rules& rules);

/// Loads the model of `directory`, the cheap and the likely to fail first: what is unsupported is
/// refused before any weight is read. What its sequences remember is charged to `keys_and_values`.
result<std::shared_ptr<base_model>> load_base_model(const std::filesystem::path& directory,
                                                    const weight_format& computes,
                                                    compute_gate& gate,
                                                    std::shared_ptr<kv_budget> keys_and_values,
                                                    load_context& context);

/// What load_base_model(directory).bytes() will be, from headers alone; a failure says why it
/// cannot be told.
result<std::uint64_t> estimate_base_model(const std::filesystem::path& directory,
                                          const model_config& config, const weight_format& computes,
                                          compute_gate& gate, const file_rules& rules);

} // namespace warmd::hf

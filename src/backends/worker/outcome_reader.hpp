#pragma once
// What a worker answers, held against what it was asked: no list is longer or shorter, no id is
// outside of the vocabulary, no number is not finite.

#include "worker/call_text.hpp"
#include "json/json_document.hpp"
#include <warmd/backend.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace warmd::worker {

/// What it answers to `load`.
struct loaded_model {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> device_bytes;
    std::size_t vocab_size = 0; ///< 0: it does not say
    std::optional<std::uint64_t> max_positions;
};

// Each fails with backend_failed, whose detail completes "it …".
result<abilities> read_hello(const json_node& answer);
result<loaded_model> read_load(const json_node& answer);
/// Nothing to keep: only that it is one.
result<void> read_estimate(const json_node& answer);
result<std::uint64_t> read_ping(const json_node& answer);
/// The outcome of `what`; for a divergence, the distributions of one of its views.
result<outcome> read_outcome(const operation& what, const json_node& answer,
                             std::size_t vocab_size);
result<generated_token> read_token(const json_node& params, std::size_t vocab_size);

/// Of the inputs, as far as the outcome tells.
std::size_t tokens_in(const outcome& what);

} // namespace warmd::worker

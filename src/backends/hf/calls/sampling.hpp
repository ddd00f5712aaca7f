#pragma once
// From logits to logprobs, top slices and drawn tokens.

#include <warmd/backend.hpp>

#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace warmd::hf {

/// The `top_k` most likely tokens of logits [vocab]; none if a logit is not finite. REQUIRES: top_k
/// >= 1.
std::optional<top_slice> top_of(std::span<const float> logits, std::size_t top_k);

/// ln p of one token; NaN if a logit is not finite.
float logprob_of(std::span<const float> logits, token_id id);

/// `id` with its logprob and rank, and the `top_k` most likely ones (perhaps none); nothing if a
/// logit is not finite.
std::optional<listed_token> listing_of(std::span<const float> logits, token_id id,
                                       std::size_t top_k);

/// The most likely token, of equals the lowest.
token_id greedy(std::span<const float> logits);

/// Draws from softmax(logits / temperature), restricted to the top_k most likely (0: all), then to
/// the smallest set of those whose mass reaches top_p. REQUIRES: finite logits, temperature > 0.
token_id draw(std::span<const float> logits, double temperature, double top_p, std::size_t top_k,
              std::mt19937_64& random);

} // namespace warmd::hf

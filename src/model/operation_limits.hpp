#pragma once
// How much one request may ask for.

#include "base/config.hpp"
#include <warmd/backend.hpp>

#include <optional>

namespace warmd {

/// invalid_params if `what` has more prompts (texts, items), or gives or asks for more tokens, than
/// `limits` allow: as far as that can be told before a tokenizer has seen its texts
/// (call::max_tokens).
std::optional<failure> over_limits(const operation& what, const request_limits& limits);

} // namespace warmd

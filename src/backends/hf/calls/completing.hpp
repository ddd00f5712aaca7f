#pragma once
// What `complete` answers, from the generations of its prompts.

#include "hf/calls/generation.hpp"
#include "hf/calls/inputs.hpp"
#include "hf/text/tokenizer.hpp"

#include <warmd/backend.hpp>

#include <span>
#include <vector>

namespace warmd::hf {

/// A prompt and the generations that continue it, the first of which lists its tokens.
struct completing {
    read_prompt prompt;
    std::vector<generation*> choices;
};

/// Once all have ended; takes what they have. `listed`: whether the prompts' tokens are. The
/// failure of one is that of all.
result<outcome> completed(std::span<completing> prompts, bool listed, const tokenizer& words);

} // namespace warmd::hf

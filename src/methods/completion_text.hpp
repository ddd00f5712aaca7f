#pragma once
// Writes completions as OpenAI's clients read them; what vLLM adds to that as vLLM has it.

#include "methods/completion_request.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::replies {

/// The answer to `completions`, or to `chat_completions` if `how.chat`, as JSON text;
/// reply_too_large() if it is longer than `max_bytes`.
result<std::string> completion(const completed_prompts& what, const completion_format& how,
                               const completion_head& head, std::size_t max_bytes);

// The same in chunks.

/// What a token adds. `first`: to its choice; `echoed`: the prompt's text, if that is told and this
/// is the first.
std::string token_chunk(const generated_token& token, const completion_format& how,
                        const completion_head& head, bool first, std::string_view echoed);
/// Why a choice ended, after all that it is made of.
std::string end_chunk(std::size_t choice, const generation_result& made,
                      const completion_format& how, const completion_head& head);
/// No choice, but the tokens of all.
std::string usage_chunk(const completed_prompts& what, const completion_format& how,
                        const completion_head& head);

} // namespace warmd::replies

#pragma once
// Completions as OpenAI's clients ask for them, once their parameters are read.

#include "methods/requests.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace warmd {

/// What is told of a completion, and how. What is asked of the model stands in `complete`.
struct completion_format {
    bool chat = false; ///< as chat completions have it
    bool echo = false;
    std::optional<std::uint64_t> logprobs; ///< of the text's tokens: so many others beside each
    std::optional<std::uint64_t> prompt_logprobs;
    bool return_tokens_as_token_ids = false;
    bool return_token_ids = false;
    bool include_usage = false;                         ///< of a stream: a last chunk with it
    bool logprobs_of_chat = false;                      ///< chat only: whether top_logprobs counts
    std::optional<std::uint64_t> top_logprobs;          ///< chat only
    std::optional<std::uint64_t> max_completion_tokens; ///< chat only: max_tokens' newer name
};

/// One request of either kind.
struct completion_request {
    operation_request asked; ///< `complete`
    completion_format how;
    std::string model; ///< as it was named; empty: it was no name
};

/// What every reply says of itself.
struct completion_head {
    std::string id;
    std::int64_t created = 0;       ///< Unix time, seconds
    std::string model;              ///< as it was named, or its key
    std::string system_fingerprint; ///< of the weights: generation of the model's files
};

} // namespace warmd

#pragma once
// Texts of single tokens, for lists of them.

#include "hf/text/tokenizer.hpp"

#include <warmd/backend.hpp>

#include <string>
#include <unordered_map>
#include <utility>

namespace warmd::hf {

/// Collects what tokens add to a text that they stand within; of special ones, their names.
class token_texts {
public:
    /// REQUIRES: `words` outlives it.
    explicit token_texts(const tokenizer& words) : words_(words) {}

    /// The token's, and those of what might have stood in its place. Throws as tokenizer::decode.
    void add(const listed_token& listed);
    std::unordered_map<token_id, std::string> take() { return std::move(all_); }

private:
    void add(token_id id);

    const tokenizer& words_;
    std::unordered_map<token_id, std::string> all_;
};

} // namespace warmd::hf

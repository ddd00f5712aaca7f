#pragma once
// The text of tokens that come one after another.

#include "hf/text/tokenizer.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace warmd::hf {

/// What tokenizer::decode says of all ids so far, special tokens left out, at the cost of decoding
/// those since the text was last settled: few, whatever the length.
class running_text {
public:
    /// REQUIRES: `words` outlives it.
    explicit running_text(const tokenizer& words) : words_(&words) {}

    /// Throws as tokenizer::decode.
    void add(token_id id);
    const std::string& text() const { return text_; }
    /// So many of its bytes no later token can change.
    std::size_t settled() const { return settled_; }
    /// How many characters the text has.
    std::size_t code_points() const;

private:
    const tokenizer* words_;
    std::string text_;
    std::size_t settled_ = 0;
    std::size_t settled_points_ = 0; // code points of what is settled
    std::size_t decoded_ = 0;        // bytes of text_ that came of tokens no longer in `open_`
    std::vector<std::string> open_;  // tokens that may change with what follows
    bool at_start_ = true;           // no token was settled
};

} // namespace warmd::hf
